//! After a run: a person has sent again what failed or can't be known, or writes it off. In batches, each in a transaction of its own.

use crate::{
    Result,
    job::{self, lane},
    progress,
};
use domain::{CampaignId, Channel, RunId, delivery::reason, facts::Bits, facts::Kind as Fact};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Why a delivery is sent again of which nobody knows whether it left: a person wants it.
pub(crate) const RESENT: &str = "resent";

/// Whose deliveries.
#[derive(Debug, Clone)]
pub struct Run {
    pub run_id: RunId,
    pub campaign_status: String,
}

/// Which ones of the run.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// None: all channels.
    pub channel: Option<Channel>,
    /// With one of these codes; empty: whatever the code.
    pub codes: &'a [String],
    /// Only these; empty: all.
    pub delivery_ids: &'a [i64],
}

/// Where a walk through a run has come to.
#[derive(Debug, Clone, Default)]
pub struct Place {
    channel: String,
    contact: Uuid,
}

/// The last run of a campaign, locked with its campaign; None when there is none.
///
/// # Errors
/// When the statement fails.
pub async fn lock_run(connection: &mut PgConnection, campaign: CampaignId) -> Result<Option<Run>> {
    Ok(sqlx::query_as!(
        Run,
        "SELECT r.run_id, c.status AS campaign_status
         FROM send.run r JOIN core.campaign c USING (campaign_id) WHERE r.campaign_id = $1
         ORDER BY r.created_at DESC LIMIT 1 FOR NO KEY UPDATE",
        campaign.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Gives a run the campaign's time anew, counted from now: what is sent again must not expire at once.
///
/// # Errors
/// When the statement fails.
pub async fn extend(connection: &mut PgConnection, run: RunId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE send.run r SET expires_at = greatest(r.expires_at, $2::timestamptz + make_interval(hours => c.expires_after_hours))
         FROM core.campaign c WHERE r.run_id = $1 AND c.campaign_id = r.campaign_id",
        run.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Queues what failed among the next `limit` deliveries of a run: what was refused, and what was accepted, whose last try was reported
/// failed and never delivered. Answers how many, and where to go on; None at the end. What is under way again isn't failed any more, so
/// asking twice sends nothing twice.
///
/// # Errors
/// When a statement fails.
pub async fn failed(
    connection: &mut PgConnection,
    run: &Run,
    which: Which<'_>,
    from: &Place,
    limit: i64,
    actor: &str,
    now: OffsetDateTime,
) -> Result<(u64, Option<Place>)> {
    let page = sqlx::query!(
        "SELECT d.delivery_id, d.channel, d.contact_id FROM send.delivery d
         WHERE d.run_id = $1 AND (d.channel, d.contact_id) > ($2, $3) AND ($4::text IS NULL OR d.channel = $4)
         ORDER BY d.channel, d.contact_id LIMIT $5",
        run.run_id.0,
        from.channel,
        from.contact,
        which.channel.map(|channel| channel.as_str()),
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<i64> = page.iter().map(|row| row.delivery_id).collect();
    let queued = sqlx::query_scalar!(
        r#"WITH last AS (
             SELECT d.delivery_id, d.state, coalesce(CASE d.state WHEN 'rejected' THEN d.reason ELSE f.code END, '') AS code
             FROM send.delivery d
             LEFT JOIN stats.delivery_status s ON s.delivery_id = d.delivery_id AND d.state = 'accepted'
             LEFT JOIN LATERAL (
               SELECT f.code FROM stats.fact f WHERE f.delivery_id = d.delivery_id AND f.kind = $3 AND s.bits & $4 <> 0
                 AND CASE WHEN f.provider_message_id <> '' AND d.provider_message_id <> ''
                          THEN f.provider_message_id = d.provider_message_id
                          ELSE d.sent_at IS NULL OR f.received_at >= d.sent_at END
               ORDER BY f.occurred_at, f.fact_key LIMIT 1) AS f ON true
             WHERE d.delivery_id = ANY($1)
               AND (d.state = 'rejected' OR d.state = 'accepted' AND f.code IS NOT NULL AND s.bits & $5 = 0)
           ), queued AS (
             -- What the earlier message cost is spent, and this is another one.
             UPDATE send.delivery d
             SET state = 'queued', repeats = 0, next_attempt_at = NULL, reserved_micros = 0, updated_at = $6,
                 provider_message_id = CASE WHEN l.state = 'rejected' THEN d.provider_message_id END,
                 earlier_ids = CASE WHEN l.state = 'rejected' THEN d.earlier_ids
                                    ELSE array_append(d.earlier_ids, coalesce(d.provider_message_id, '')) END
             FROM last l WHERE d.delivery_id = l.delivery_id AND d.state = l.state AND (cardinality($2::text[]) = 0 OR l.code = ANY($2))
             RETURNING d.delivery_id, d.workspace_id, d.attempt, l.code
           ), decided AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
             SELECT delivery_id, workspace_id, $6, attempt, 'resent', code, 'retry of what failed, by ' || $7::text FROM queued
           )
           SELECT delivery_id AS "delivery_id!" FROM queued"#,
        &ids,
        which.codes,
        i16::from(Fact::Failed.number()),
        Bits::FAILED.0.cast_signed(),
        Bits::DELIVERED.and(Bits::OPENED).and(Bits::CLICKED).0.cast_signed(),
        now,
        actor
    )
    .fetch_all(&mut *connection)
    .await?;
    progress::forget(connection, &queued).await?;
    job::add(connection, &queued, lane::RETRY, now).await?;
    let full = page.len() as i64 == limit;
    let next = page.into_iter().next_back().filter(|_| full).map(|last| Place { channel: last.channel, contact: last.contact_id });
    Ok((queued.len() as u64, next))
}

/// Queues up to `limit` of a run's deliveries that can't be known; what was written off only when it is named. Answers how many.
///
/// # Errors
/// When a statement fails.
pub async fn unknown(
    connection: &mut PgConnection,
    run: &Run,
    which: Which<'_>,
    limit: i64,
    actor: &str,
    now: OffsetDateTime,
) -> Result<u64> {
    let queued = sqlx::query_scalar!(
        r#"WITH queued AS (
             UPDATE send.delivery d SET state = 'queued', repeats = 0, settle_at = NULL, uncertain_at = NULL, reserved_micros = 0,
                    reason = $8, updated_at = $6
             FROM (SELECT delivery_id FROM send.delivery WHERE run_id = $1 AND state = 'unknown' AND ($2::text IS NULL OR channel = $2)
                     AND CASE WHEN cardinality($3::bigint[]) > 0 THEN delivery_id = ANY($3) ELSE reason IS DISTINCT FROM $7 END
                   ORDER BY delivery_id LIMIT $4 FOR UPDATE) AS u
             WHERE d.delivery_id = u.delivery_id
             RETURNING d.delivery_id, d.workspace_id, d.attempt, old.reason AS reason
           ), decided AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
             SELECT delivery_id, workspace_id, $6, attempt, 'resent', coalesce(reason, ''), 'sent again though it may have left, by ' || $5::text
             FROM queued
           )
           SELECT delivery_id AS "delivery_id!" FROM queued"#,
        run.run_id.0,
        which.channel.map(|channel| channel.as_str()),
        which.delivery_ids,
        limit,
        actor,
        now,
        reason::WRITTEN_OFF,
        RESENT
    )
    .fetch_all(&mut *connection)
    .await?;
    progress::forget(connection, &queued).await?;
    job::add(connection, &queued, lane::RETRY, now).await?;
    Ok(queued.len() as u64)
}

/// Writes off up to `limit` of a run's deliveries that can't be known: they stay `unknown`, and nobody is asked about them any more.
/// Answers how many.
///
/// # Errors
/// When the statement fails.
pub async fn write_off(
    connection: &mut PgConnection,
    run: &Run,
    which: Which<'_>,
    limit: i64,
    actor: &str,
    now: OffsetDateTime,
) -> Result<u64> {
    Ok(sqlx::query!(
        "WITH written AS (
           UPDATE send.delivery d SET reason = $7, updated_at = $6
           FROM (SELECT delivery_id FROM send.delivery WHERE run_id = $1 AND state = 'unknown' AND ($2::text IS NULL OR channel = $2)
                   AND (cardinality($3::bigint[]) = 0 OR delivery_id = ANY($3)) AND reason IS DISTINCT FROM $7
                 ORDER BY delivery_id LIMIT $4 FOR UPDATE) AS u
           WHERE d.delivery_id = u.delivery_id
           RETURNING d.delivery_id, d.workspace_id, d.attempt, old.reason AS reason
         )
         INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
         SELECT delivery_id, workspace_id, $6, attempt, 'written_off', coalesce(reason, ''), 'written off by ' || $5::text FROM written",
        run.run_id.0,
        which.channel.map(|channel| channel.as_str()),
        which.delivery_ids,
        limit,
        actor,
        now,
        reason::WRITTEN_OFF
    )
    .execute(connection)
    .await?
    .rows_affected())
}
