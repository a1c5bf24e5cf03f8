//! Outcomes into the ledger: what became of what the gate let through.

use crate::{PgConnection, Result};
use domain::{Channel, DeliveryId, SenderId, WorkerId, delivery::State, facts::Bits};
use std::time::Duration;
use time::OffsetDateTime;

/// What became of one try.
#[derive(Debug, Clone)]
pub struct Tried {
    pub delivery_id: DeliveryId,
    pub attempt: u32,
    pub state: State,
    /// The provider's code, or why it was suppressed.
    pub reason: Option<String>,
    pub provider_message_id: Option<String>,
    /// For `retry_wait`.
    pub next_attempt_at: Option<OffsetDateTime>,
}

/// A delivery that a dead worker held, or that was settled afterwards.
#[derive(Debug, Clone)]
pub struct Settled {
    pub delivery_id: DeliveryId,
    pub sender_id: SenderId,
    pub attempt: u32,
}

/// Records a worker's outcomes. Only rows that this worker still holds by this very try are changed: also those that were declared
/// `uncertain` while it was thought dead, because what it knows is true. Answers with the ids that were.
///
/// # Errors
/// When the statement fails; nothing is recorded then.
pub async fn record(connection: &mut PgConnection, worker: WorkerId, tried: &[Tried], now: OffsetDateTime) -> Result<Vec<i64>> {
    let ids: Vec<i64> = tried.iter().map(|t| t.delivery_id.0).collect();
    let attempts: Vec<i32> = tried.iter().map(|t| i32::try_from(t.attempt).unwrap_or(i32::MAX)).collect();
    let states: Vec<String> = tried.iter().map(|t| t.state.as_str().to_owned()).collect();
    let reasons: Vec<Option<String>> = tried.iter().map(|t| t.reason.clone()).collect();
    let provider_ids: Vec<Option<String>> = tried.iter().map(|t| t.provider_message_id.clone()).collect();
    let next: Vec<Option<OffsetDateTime>> = tried.iter().map(|t| t.next_attempt_at).collect();
    Ok(sqlx::query_scalar!(
        "UPDATE send.delivery d
         SET state = t.state, reason = t.reason, next_attempt_at = t.next_attempt_at, updated_at = $8,
             provider_message_id = coalesce(t.provider_message_id, d.provider_message_id)
         FROM unnest($2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
              AS t (delivery_id, attempt, state, reason, provider_message_id, next_attempt_at)
         WHERE d.delivery_id = t.delivery_id AND d.worker_id = $1 AND d.attempt = t.attempt AND d.state IN ('sending', 'uncertain')
         RETURNING d.delivery_id",
        worker.0,
        &ids,
        &attempts,
        &states,
        &reasons as &[Option<String>],
        &provider_ids as &[Option<String>],
        &next as &[Option<OffsetDateTime>],
        now
    )
    .fetch_all(connection)
    .await?)
}

/// Says that a worker is alive.
///
/// # Errors
/// When the statement fails.
pub async fn heartbeat(connection: &mut PgConnection, worker: WorkerId, channel: Channel) -> Result<()> {
    sqlx::query!(
        "INSERT INTO send.worker (worker_id, channel, started_at, seen_at) VALUES ($1, $2, now(), now())
         ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()",
        worker.0,
        channel.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says that a worker has ended and holds nothing.
///
/// # Errors
/// When the statement fails.
pub async fn sign_off(connection: &mut PgConnection, worker: WorkerId) -> Result<()> {
    sqlx::query!("DELETE FROM send.worker WHERE worker_id = $1", worker.0).execute(connection).await?;
    Ok(())
}

/// Declares `uncertain` what is held by workers of a channel that were not seen for `lease`: they may have sent it. Up to `limit`.
///
/// # Errors
/// When the statement fails.
pub async fn release_dead(
    connection: &mut PgConnection,
    channel: Channel,
    lease: Duration,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<Settled>> {
    let rows = sqlx::query!(
        "UPDATE send.delivery d SET state = 'uncertain', reason = 'worker_lost', updated_at = $4
         FROM (SELECT h.delivery_id FROM send.delivery h
               WHERE h.state = 'sending' AND h.channel = $1
                 AND NOT EXISTS (SELECT FROM send.worker w WHERE w.worker_id = h.worker_id
                                 AND w.seen_at > now() - make_interval(secs => $2))
               ORDER BY h.delivery_id LIMIT $3 FOR UPDATE SKIP LOCKED) AS held
         WHERE d.delivery_id = held.delivery_id
         RETURNING d.delivery_id, d.sender_id, d.attempt",
        channel.as_str(),
        lease.as_secs_f64(),
        limit,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM send.worker WHERE seen_at < now() - interval '1 hour'").execute(connection).await?;
    Ok(rows
        .into_iter()
        .map(|row| Settled {
            delivery_id: DeliveryId(row.delivery_id),
            sender_id: SenderId(row.sender_id),
            attempt: row.attempt.unsigned_abs(),
        })
        .collect())
}

/// Settles what is `uncertain` by what the provider has reported since: by the bits that prove that it left, or that it didn't. Answers how many.
///
/// # Errors
/// When the statement fails.
pub async fn settle_uncertain(
    connection: &mut PgConnection,
    channel: Channel,
    proves_sent: Bits,
    proves_refused: Bits,
    limit: i64,
    now: OffsetDateTime,
) -> Result<u64> {
    Ok(sqlx::query!(
        "UPDATE send.delivery d
         SET state = CASE WHEN s.bits & $2 <> 0 THEN 'accepted' ELSE 'rejected' END,
             reason = CASE WHEN s.bits & $2 <> 0 THEN NULL ELSE s.code END, updated_at = $5
         FROM (SELECT u.delivery_id, s.bits, s.code FROM send.delivery u JOIN stats.delivery_status s USING (delivery_id)
               WHERE u.state = 'uncertain' AND u.channel = $1 AND s.bits & ($2::int | $3::int) <> 0
               LIMIT $4 FOR UPDATE OF u SKIP LOCKED) AS s
         WHERE d.delivery_id = s.delivery_id",
        channel.as_str(),
        proves_sent.0.cast_signed(),
        proves_refused.0.cast_signed(),
        limit,
        now
    )
    .execute(connection)
    .await?
    .rows_affected())
}
