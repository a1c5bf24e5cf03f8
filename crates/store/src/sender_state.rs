//! Whether a sender can send: its circuit breaker, the pause that only a person ends, and how far it was slowed down.
//!
//! A sender without a row has nothing wrong with it. Locks are taken after those of deliveries and budgets and before that of the pace,
//! as the gate takes them.

use crate::{
    Result,
    alert::{self, kind},
};
use domain::{CampaignId, DeliveryId, SenderId, WorkspaceId, breaker::Health, rate};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;

/// Whether a sender's breaker is open.
///
/// # Errors
/// When the statement fails.
pub async fn is_down(connection: &mut PgConnection, sender: SenderId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM send.sender_state WHERE sender_id = $1 AND open_until > now()) AS "exists!""#,
        sender.0
    )
    .fetch_one(connection)
    .await?)
}

/// Tells the breaker that the provider has answered. Writes only when that is news; answers whether it was.
///
/// # Errors
/// When the statement fails.
pub async fn answered(connection: &mut PgConnection, sender: SenderId, now: OffsetDateTime) -> Result<bool> {
    let closed = sqlx::query_scalar!(
        r#"UPDATE send.sender_state SET failures = 0, trips = 0, open_until = NULL
           WHERE sender_id = $1 AND (failures > 0 OR trips > 0 OR open_until IS NOT NULL) RETURNING old.trips > 0 AS "was_down!""#,
        sender.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    if closed == Some(true) {
        alert::resolve(connection, None, Some(sender), &[kind::SENDER_DOWN], "the provider answers again", now).await?;
    }
    Ok(closed.is_some())
}

/// Tells the breaker that `unanswered` messages of a batch got no answer, and none of them got one. `id` is one of them. Answers with the
/// sender's workspace when it opens by that.
///
/// # Errors
/// When a statement fails.
pub async fn unanswered(
    connection: &mut PgConnection,
    sender: SenderId,
    id: DeliveryId,
    unanswered: u32,
    now: OffsetDateTime,
) -> Result<Option<WorkspaceId>> {
    sqlx::query!(
        "INSERT INTO send.sender_state (sender_id, workspace_id) SELECT $1, workspace_id FROM core.sender WHERE sender_id = $1
         ON CONFLICT DO NOTHING",
        sender.0
    )
    .execute(&mut *connection)
    .await?;
    // All by the database's clock, which the gate judges by; only how long ago the batch began is by the worker's.
    let row = sqlx::query!(
        r#"SELECT s.workspace_id, s.failures, s.trips, s.open_until, clock_timestamp() AS "now!",
                  clock_timestamp() - greatest($3 - coalesce(d.sent_at, $3), interval '0') AS "began!"
           FROM send.sender_state s LEFT JOIN send.delivery d ON d.delivery_id = $2 WHERE s.sender_id = $1 FOR UPDATE OF s"#,
        sender.0,
        id.0,
        now
    )
    .fetch_one(&mut *connection)
    .await?;
    let health = Health { failures: row.failures.unsigned_abs(), trips: row.trips.unsigned_abs(), open_until: row.open_until };
    let Some(after) = health.after(unanswered, row.began, row.now) else { return Ok(None) };
    sqlx::query!(
        "UPDATE send.sender_state SET failures = $2, trips = $3, open_until = $4 WHERE sender_id = $1",
        sender.0,
        i32::try_from(after.failures).unwrap_or(i32::MAX),
        i32::try_from(after.trips).unwrap_or(i32::MAX),
        after.open_until
    )
    .execute(connection)
    .await?;
    Ok((after.trips > health.trips).then_some(WorkspaceId(row.workspace_id)))
}

/// Pauses a sender until a person resumes it; one that is paused already keeps its reason. Answers with its workspace when it wasn't.
///
/// # Errors
/// When the statement fails.
pub async fn pause(
    connection: &mut PgConnection,
    sender: SenderId,
    code: &str,
    detail: &str,
    now: OffsetDateTime,
) -> Result<Option<WorkspaceId>> {
    let workspace = sqlx::query_scalar!(
        "INSERT INTO send.sender_state AS s (sender_id, workspace_id, paused_at, paused_code, paused_detail)
         SELECT sender_id, workspace_id, $4, $2, $3 FROM core.sender WHERE sender_id = $1
         ON CONFLICT (sender_id) DO UPDATE SET paused_at = EXCLUDED.paused_at, paused_code = EXCLUDED.paused_code,
                                               paused_detail = EXCLUDED.paused_detail WHERE s.paused_at IS NULL
         RETURNING workspace_id",
        sender.0,
        code,
        detail,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(workspace.map(WorkspaceId))
}

/// Pauses the channel of a delivery's run because its template can't be sent, until its campaign is resumed. Answers whose it is when
/// it wasn't paused.
///
/// # Errors
/// When the statement fails.
pub async fn pause_template(
    connection: &mut PgConnection,
    id: DeliveryId,
    code: &str,
    now: OffsetDateTime,
) -> Result<Option<(WorkspaceId, CampaignId)>> {
    let row = sqlx::query!(
        "UPDATE send.run_channel rc SET paused_at = $3, paused_code = $2 FROM send.delivery d
         WHERE d.delivery_id = $1 AND rc.run_id = d.run_id AND rc.channel = d.channel AND rc.paused_at IS NULL
         RETURNING d.workspace_id, d.campaign_id",
        id.0,
        code,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (WorkspaceId(row.workspace_id), CampaignId(row.campaign_id))))
}

/// Slows a sender down for all replicas: nothing leaves before `wait` has passed, and then at a lower pace; once for all batches that
/// were under way together. `id` is one of the batch's deliveries.
///
/// # Errors
/// When a statement fails.
pub async fn slow_down(connection: &mut PgConnection, sender: SenderId, id: DeliveryId, wait: Duration, now: OffsetDateTime) -> Result<()> {
    let row = sqlx::query!(
        r#"SELECT b.pace, extract(epoch FROM b.pace_at)::float8 AS pace_at, extract(epoch FROM clock_timestamp())::float8 AS "now!",
                  greatest(extract(epoch FROM $3 - coalesce(d.sent_at, $3)), 0)::float8 AS "under_way_for!"
           FROM send.rate_bucket b LEFT JOIN send.delivery d ON d.delivery_id = $2 WHERE b.sender_id = $1 FOR UPDATE OF b"#,
        sender.0,
        id.0,
        now
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let under_way_for = row.under_way_for.max(rate::SLOWED_FOR.as_secs_f64());
    let slowed_since = row.pace_at.is_some_and(|at| at > row.now - under_way_for);
    let lower = (!slowed_since).then(|| rate::throttled(rate::pace(row.pace, row.pace_at, row.now)));
    sqlx::query!(
        "UPDATE send.rate_bucket SET next_at = greatest(next_at, clock_timestamp() + make_interval(secs => $2)), pace = coalesce($3, pace),
                pace_at = CASE WHEN $3 IS NULL THEN pace_at ELSE clock_timestamp() END
         WHERE sender_id = $1",
        sender.0,
        wait.as_secs_f64(),
        lower
    )
    .execute(connection)
    .await?;
    Ok(())
}
