//! A run is created with all that must not change while it lasts.

use crate::Result;
use domain::{CampaignId, RunId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Creates the run of an occurrence, with the template version that was approved, the senders, their prices and what happens when one
/// fails as they are now, and makes the campaign ACTIVE. In the transaction that holds [`lock_scheduled`]. Answers with the run, which is the old one when it exists.
///
/// # Errors
/// When the statement fails.
pub async fn create(
    connection: &mut PgConnection,
    campaign: CampaignId,
    occurrence: &str,
    run: RunId,
    now: OffsetDateTime,
) -> Result<RunId> {
    sqlx::query!(
        "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content,
                               created_at, expires_at, traceparent)
         SELECT $3, c.workspace_id, c.campaign_id, $2, 'expanding', t.template_id, v.version, v.content,
                $4::timestamptz, $4::timestamptz + make_interval(hours => c.expires_after_hours), c.traceparent
         FROM core.campaign c JOIN core.template t USING (template_id)
         JOIN core.template_version v ON v.template_id = t.template_id AND v.version = coalesce(c.template_version, t.version)
         WHERE c.campaign_id = $1
         ON CONFLICT ON CONSTRAINT run_once DO NOTHING",
        campaign.0,
        occurrence,
        run.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    let run = sqlx::query_scalar!("SELECT run_id FROM send.run WHERE campaign_id = $1 AND occurrence = $2", campaign.0, occurrence)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO send.run_channel (run_id, channel, sender_id, price_micros, fallback_sender_id, fallback_price_micros, rescue_channel,
                                       rescue_only)
         SELECT $2, cc.channel, cc.sender_id, s.price_micros, f.sender_id, f.price_micros, cc.rescue_channel, cc.rescue_only
         FROM core.campaign_channel cc JOIN core.sender s USING (sender_id) LEFT JOIN core.sender f ON f.sender_id = cc.fallback_sender_id
         WHERE cc.campaign_id = $1
         ON CONFLICT DO NOTHING",
        campaign.0,
        run
    )
    .execute(&mut *connection)
    .await?;
    crate::sender::price::pin(&mut *connection, campaign, RunId(run)).await?;
    // The first one comes first, so that it keeps its place if it is named again.
    sqlx::query!(
        "INSERT INTO send.run_sender (run_id, channel, sender_id, price_micros, position)
         SELECT $2, o.channel, o.sender_id, s.price_micros, o.position
         FROM (SELECT channel, sender_id, 0::smallint AS position FROM core.campaign_channel
               WHERE campaign_id = $1 AND channel IN ('push', 'social')
               UNION ALL SELECT channel, sender_id, position FROM core.campaign_sender WHERE campaign_id = $1) AS o
         JOIN core.sender s USING (sender_id) ORDER BY o.position
         ON CONFLICT DO NOTHING",
        campaign.0,
        run
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.campaign SET status = 'ACTIVE', started_at = $2, updated_at = $2 WHERE campaign_id = $1 AND status = 'SCHEDULED'",
        campaign.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(RunId(run))
}
