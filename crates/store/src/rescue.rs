//! A failure on one channel made good by another: what failed for good there is written anew here, and counted as such.

use crate::{
    Result,
    expand::Written,
    job::{self, lane},
};
use domain::{CampaignId, RunId, SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Takes up to `limit` deliveries that failed for good, and writes one for each contact on the channel that its run names for it, with
/// the jobs; a run that is over is asked to open again. Nothing is written when the run can't send any more, or when the contact has
/// a delivery on that channel already. Answers how many were taken, and what was written.
///
/// # Errors
/// When a statement fails; nothing is written then.
pub async fn take(connection: &mut PgConnection, limit: i64, now: OffsetDateTime) -> Result<(usize, Vec<Written>)> {
    let failed = take_failed(connection, limit).await?;
    if failed.is_empty() {
        return Ok((0, Vec::new()));
    }
    let rows = sqlx::query!(
        r#"WITH candidate AS (
             SELECT d.delivery_id AS rescues, d.workspace_id, d.campaign_id, d.run_id, d.contact_id, rc.channel,
                    coalesce(app.sender_id, rc.sender_id) AS sender_id, k.topic_id,
                    core.channel_address(rc.channel, c.email, c.phone, c.phone_key, c.whatsapp_id,
                                         CASE WHEN app.sender_id IS NOT NULL THEN c.push_key END) AS address,
                    core.channel_key(rc.channel, c.email_key, c.phone_key, c.whatsapp_key,
                                     CASE WHEN app.sender_id IS NOT NULL THEN c.push_key END) AS key
             FROM send.delivery d JOIN send.run r USING (run_id) JOIN core.campaign k ON k.campaign_id = d.campaign_id
             JOIN send.run_channel f ON f.run_id = d.run_id AND f.channel = d.channel
             JOIN send.run_channel rc ON rc.run_id = d.run_id AND rc.channel = f.rescue_channel
             JOIN core.contact c ON c.contact_id = d.contact_id
             LEFT JOIN LATERAL (SELECT s.sender_id FROM send.run_sender s WHERE rc.channel = 'push' AND s.run_id = rc.run_id
               AND s.channel = rc.channel AND s.sender_id = ANY(c.push_senders) ORDER BY s.position LIMIT 1) AS app ON true
             WHERE d.delivery_id = ANY($1) AND k.status IN ('ACTIVE', 'PAUSED', 'COMPLETED') AND r.expires_at > now()
           ), judged AS (
             SELECT c.*, CASE
                 WHEN c.address = '' THEN 'no_address'
                 WHEN c.key IS NULL THEN 'invalid_address'
                 WHEN EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = c.workspace_id AND o.address_key = c.key
                              AND o.channel IN (c.channel, 'all')) THEN 'opted_out'
                 WHEN c.topic_id IS NOT NULL AND EXISTS (SELECT FROM core.topic_opt_out t WHERE t.topic_id = c.topic_id
                              AND t.subject IN (c.key, c.contact_id::text)) THEN 'topic_opted_out'
                 WHEN row_number() OVER (PARTITION BY c.run_id, c.channel, c.key ORDER BY c.contact_id) > 1
                   OR EXISTS (SELECT FROM send.delivery d WHERE d.run_id = c.run_id AND d.channel = c.channel AND d.address_key = c.key)
                 THEN 'duplicate' END AS reason
             FROM candidate c
           ), written AS (
             INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, reason, address,
                                        address_key, updated_at, rescues)
             SELECT j.workspace_id, j.campaign_id, j.run_id, j.contact_id, j.sender_id, j.channel,
                    CASE WHEN j.reason IS NULL THEN 'queued' ELSE 'suppressed' END, j.reason, j.address,
                    CASE WHEN j.reason IS NULL THEN j.key END, $2, j.rescues
             FROM judged j ORDER BY j.run_id, j.channel, j.contact_id
             ON CONFLICT DO NOTHING
             RETURNING delivery_id, workspace_id, campaign_id, run_id, channel, sender_id, reason
           ), reopened AS (
             INSERT INTO send.reopen (run_id, created_at) SELECT DISTINCT run_id, $2::timestamptz FROM written WHERE reason IS NULL
             ON CONFLICT DO NOTHING
           )
           SELECT workspace_id, campaign_id, run_id, channel, sender_id, reason, count(*) AS "count!", array_agg(delivery_id) AS "delivery_ids!"
           FROM written GROUP BY workspace_id, campaign_id, run_id, channel, sender_id, reason"#,
        &failed,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    let (mut written, mut queued) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        if row.reason.is_none() {
            queued.extend(row.delivery_ids);
        }
        written.push(Written {
            workspace_id: WorkspaceId(row.workspace_id),
            campaign_id: CampaignId(row.campaign_id),
            run_id: RunId(row.run_id),
            channel: crate::delivery::channel(&row.channel)?,
            sender_id: SenderId(row.sender_id),
            reason: row.reason,
            count: row.count,
        });
    }
    job::add(connection, &queued, lane::RETRY, now).await?;
    Ok((failed.len(), written))
}

async fn take_failed(connection: &mut PgConnection, limit: i64) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM send.rescue WHERE delivery_id IN
           (SELECT delivery_id FROM send.rescue ORDER BY delivery_id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING delivery_id",
        limit
    )
    .fetch_all(connection)
    .await?)
}
