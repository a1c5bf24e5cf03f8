//! What is uncertain, and what settles it: the worker that knew is dead, or the provider gave no answer that could be read.
//!
//! Nothing here sends: a delivery that certainly didn't leave, or that its provider would drop the second time, waits for another try.

mod others;

pub use others::{neighbours, taken_by_others};

use crate::{PgConnection, Result, budget, progress};
use domain::{Channel, DeliveryId, RunId, SenderId, delivery::State};
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;

/// Why a dead worker's deliveries are uncertain, as it is stored and shown.
pub const WORKER_LOST: &str = "worker_lost";
/// Why a delivery is sent again of which the provider said that it never got it.
pub const NOT_FOUND: &str = "not_found";

/// A delivery that a dead worker held.
#[derive(Debug, Clone)]
pub struct Lost {
    pub delivery_id: DeliveryId,
    pub sender_id: SenderId,
    pub attempt: u32,
}

/// An uncertain delivery whose time to be looked at has come.
#[derive(Debug, Clone)]
pub struct Due {
    pub delivery_id: DeliveryId,
    pub sender_id: SenderId,
    pub attempt: u32,
    pub run_id: RunId,
    /// Of the content, the one that it was made of.
    pub content_version: i32,
    pub address: String,
    /// What its last try had to go on with.
    pub progress: Option<Value>,
    pub reason: Option<String>,
    pub repeats: u32,
    /// When its last try passed the gate.
    pub sent_at: OffsetDateTime,
    pub uncertain_at: OffsetDateTime,
    /// Whether its run could still send it: not cancelled, and its time isn't up.
    pub sendable: bool,
    /// What it costs if it has left, in millionths: its own cost where that is known, else the sender's price.
    pub price_micros: i64,
}

/// A change of a delivery that no worker holds.
#[derive(Debug, Clone)]
pub struct Change {
    pub delivery_id: DeliveryId,
    pub attempt: u32,
    /// The state that it was read in.
    pub was: State,
    pub state: State,
    pub reason: Option<String>,
    pub provider_message_id: Option<String>,
    /// For `retry_wait`.
    pub next_attempt_at: Option<OffsetDateTime>,
    /// For `uncertain`: when to look again.
    pub settle_at: Option<OffsetDateTime>,
    pub repeats: u32,
    /// What is shown of it; empty when there is nothing to be shown.
    pub verdict: &'static str,
    pub rule: String,
    /// Where the world sees it.
    pub permalink: Option<String>,
}

impl Change {
    /// A change that keeps all else as it was read, and of which nothing is shown.
    #[must_use]
    pub const fn new(delivery_id: DeliveryId, attempt: u32, was: State, state: State, reason: Option<String>, repeats: u32) -> Self {
        Self {
            delivery_id,
            attempt,
            was,
            state,
            reason,
            provider_message_id: None,
            next_attempt_at: None,
            settle_at: None,
            repeats,
            verdict: "",
            rule: String::new(),
            permalink: None,
        }
    }
}

/// Beyond its lease, how long a live worker may hold a delivery: a call to a provider, and recording what it came to.
const HELD_TOO_LONG: Duration = Duration::from_secs(60);

/// Declares `uncertain` what is held by workers of a channel that were not seen for `lease`, or by one that has forgotten it: they may
/// have sent it. It is looked at after `settle_after`. Up to `limit`. A worker that does know may still record what became of it.
///
/// # Errors
/// When a statement fails.
pub async fn release_dead(
    connection: &mut PgConnection,
    channel: Channel,
    lease: Duration,
    settle_after: Duration,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<Lost>> {
    let rows = sqlx::query!(
        r#"WITH lost AS (
             UPDATE send.delivery d SET state = 'uncertain', reason = $6, doubtful = true, uncertain_at = $4, updated_at = $4,
                                        settle_at = $4::timestamptz + make_interval(secs => $5)
             FROM (SELECT h.delivery_id FROM send.delivery h
                   WHERE h.state = 'sending' AND h.channel = $1
                     AND (h.sent_at < $4::timestamptz - make_interval(secs => $2::float8 + $7::float8)
                          OR NOT EXISTS (SELECT FROM send.worker w WHERE w.worker_id = h.worker_id
                                         AND w.seen_at > now() - make_interval(secs => $2)))
                   ORDER BY h.delivery_id LIMIT $3 FOR UPDATE SKIP LOCKED) AS held
             WHERE d.delivery_id = held.delivery_id
             RETURNING d.delivery_id, d.workspace_id, d.sender_id, d.attempt
           ), decided AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
             SELECT delivery_id, workspace_id, $4, attempt, 'uncertain', $6, 'the worker that held it died' FROM lost
           )
           SELECT delivery_id AS "delivery_id!", sender_id AS "sender_id!", attempt AS "attempt!" FROM lost"#,
        channel.as_str(),
        lease.as_secs_f64(),
        limit,
        now,
        settle_after.as_secs_f64(),
        WORKER_LOST,
        HELD_TOO_LONG.as_secs_f64()
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM send.worker WHERE seen_at < now() - interval '1 hour'").execute(connection).await?;
    let lost = rows.into_iter().map(|row| Lost {
        delivery_id: DeliveryId(row.delivery_id),
        sender_id: SenderId(row.sender_id),
        attempt: row.attempt.unsigned_abs(),
    });
    Ok(lost.collect())
}

/// Takes the uncertain deliveries of a channel whose time has come; nobody else takes them before `hold` has passed. Up to `limit`.
///
/// # Errors
/// When the statement fails.
pub async fn take_due(
    connection: &mut PgConnection,
    channel: Channel,
    hold: Duration,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<Due>> {
    let rows = sqlx::query!(
        r#"WITH due AS (
             UPDATE send.delivery d SET settle_at = $3::timestamptz + make_interval(secs => $4)
             FROM (SELECT u.delivery_id FROM send.delivery u
                   WHERE u.state = 'uncertain' AND u.channel = $1 AND u.settle_at <= $3
                   ORDER BY u.settle_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS t
             WHERE d.delivery_id = t.delivery_id
             RETURNING d.*
           )
           SELECT due.delivery_id, due.run_id, coalesce(due.content_version, 1) AS "content_version!", due.sender_id,
                  (SELECT g.progress FROM send.delivery_progress g WHERE g.delivery_id = due.delivery_id) AS progress, due.attempt, due.address, due.reason, due.repeats,
                  coalesce(due.sent_at, due.updated_at) AS "sent_at!", coalesce(due.uncertain_at, due.updated_at) AS "uncertain_at!",
                  c.status IN ('ACTIVE', 'PAUSED', 'COMPLETED') AND r.expires_at > now() AS "sendable!",
                  CASE WHEN due.cost_micros IS NOT NULL THEN due.cost_micros
                       WHEN rc.fallback_sender_id = due.sender_id THEN coalesce(rc.fallback_price_micros, rc.price_micros)
                       ELSE coalesce(rs.price_micros, rc.price_micros) END AS "price_micros!"
           FROM due JOIN send.run r USING (run_id) JOIN core.campaign c ON c.campaign_id = due.campaign_id
           JOIN send.run_channel rc ON rc.run_id = due.run_id AND rc.channel = due.channel
           LEFT JOIN send.run_sender rs ON rs.run_id = due.run_id AND rs.channel = due.channel AND rs.sender_id = due.sender_id
           ORDER BY due.delivery_id"#,
        channel.as_str(),
        limit,
        now,
        hold.as_secs_f64()
    )
    .fetch_all(connection)
    .await?;
    let due = rows.into_iter().map(|row| Due {
        delivery_id: DeliveryId(row.delivery_id),
        run_id: RunId(row.run_id),
        content_version: row.content_version,
        sender_id: SenderId(row.sender_id),
        attempt: row.attempt.unsigned_abs(),
        address: row.address,
        progress: row.progress,
        reason: row.reason,
        repeats: row.repeats.unsigned_abs().into(),
        sent_at: row.sent_at,
        uncertain_at: row.uncertain_at,
        sendable: row.sendable,
        price_micros: row.price_micros,
    });
    Ok(due.collect())
}

/// Makes changes, with what is shown of each. Only deliveries whose state and last try are still the ones that were read are changed;
/// answers with their ids. What was refused after all gives back what it held of the budget. A run is asked to open again when one of its deliveries waits for another try.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn change(connection: &mut PgConnection, changes: &[Change], now: OffsetDateTime) -> Result<Vec<i64>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let column = |of: fn(&Change) -> String| changes.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<i64> = changes.iter().map(|change| change.delivery_id.0).collect();
    let attempts: Vec<i32> = changes.iter().map(|change| i32::try_from(change.attempt).unwrap_or(i32::MAX)).collect();
    let (was, states) = (column(|change| change.was.as_str().to_owned()), column(|change| change.state.as_str().to_owned()));
    let (verdicts, rules) = (column(|change| change.verdict.to_owned()), column(|change| change.rule.clone()));
    let reasons: Vec<Option<String>> = changes.iter().map(|change| change.reason.clone()).collect();
    let provider_ids: Vec<Option<String>> = changes.iter().map(|change| change.provider_message_id.clone()).collect();
    let permalinks: Vec<Option<String>> = changes.iter().map(|change| change.permalink.clone()).collect();
    let next: Vec<Option<OffsetDateTime>> = changes.iter().map(|change| change.next_attempt_at).collect();
    let settle: Vec<Option<OffsetDateTime>> = changes.iter().map(|change| change.settle_at).collect();
    let repeats: Vec<i16> = changes.iter().map(|change| i16::try_from(change.repeats).unwrap_or(i16::MAX)).collect();
    let changed = sqlx::query_scalar!(
        r#"WITH changed AS (
             UPDATE send.delivery d
             SET state = t.state, reason = t.reason, repeats = t.repeats, next_attempt_at = t.next_attempt_at, settle_at = t.settle_at,
                 updated_at = $12, permalink = coalesce(t.permalink, d.permalink),
                 -- What was accepted and failed afterwards is over: what is sent next is another message.
                 provider_message_id = CASE WHEN t.was = 'accepted' AND t.state = 'retry_wait' THEN NULL
                                            ELSE coalesce(t.provider_message_id, d.provider_message_id) END,
                 earlier_ids = CASE WHEN t.was = 'accepted' AND t.state = 'retry_wait'
                                    THEN array_append(d.earlier_ids, coalesce(d.provider_message_id, '')) ELSE d.earlier_ids END,
                 doubtful = d.doubtful AND t.state NOT IN ('accepted', 'rejected'),
                 -- It was paid for, too: the next try costs anew.
                 reserved_micros = CASE WHEN t.was = 'accepted' AND t.state = 'retry_wait' THEN 0 ELSE d.reserved_micros END,
                 uncertain_at = CASE WHEN t.state IN ('uncertain', 'unknown') THEN d.uncertain_at END
             FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
                         $9::smallint[], $10::text[], $11::text[], $13::text[])
                  AS t (delivery_id, attempt, was, state, reason, provider_message_id, next_attempt_at, settle_at, repeats, verdict, rule,
                        permalink)
             WHERE d.delivery_id = t.delivery_id AND d.attempt = t.attempt AND d.state = t.was
             RETURNING d.delivery_id, d.workspace_id, d.run_id, d.attempt, d.state, d.reason, t.verdict, t.rule
           ), decided AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
             SELECT delivery_id, workspace_id, $12, attempt, verdict, coalesce(reason, ''), rule FROM changed WHERE verdict <> ''
           ), reopened AS (
             INSERT INTO send.reopen (run_id, created_at)
             SELECT DISTINCT run_id, $12::timestamptz FROM changed WHERE state = 'retry_wait' ON CONFLICT DO NOTHING
           )
           SELECT delivery_id AS "delivery_id!" FROM changed"#,
        &ids,
        &attempts,
        &was,
        &states,
        &reasons as &[Option<String>],
        &provider_ids as &[Option<String>],
        &next as &[Option<OffsetDateTime>],
        &settle as &[Option<OffsetDateTime>],
        &repeats,
        &verdicts,
        &rules,
        now,
        &permalinks as &[Option<String>]
    )
    .fetch_all(&mut *connection)
    .await?;
    // A message that was taken and failed is followed by another one, from its beginning.
    let anew = changes.iter().filter(|change| change.was == State::Accepted && change.state == State::RetryWait);
    progress::forget(connection, &anew.map(|change| change.delivery_id.0).filter(|id| changed.contains(id)).collect::<Vec<_>>()).await?;
    let refused = changes.iter().filter(|change| change.state == State::Rejected).map(|change| change.delivery_id.0);
    budget::refund(connection, &refused.filter(|id| changed.contains(id)).collect::<Vec<_>>()).await?;
    Ok(changed)
}
