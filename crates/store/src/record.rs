//! Outcomes into the ledger: what became of what the gate let through.

use crate::{PgConnection, Result, budget, progress, settle::NOT_FOUND};
use domain::{Channel, DeliveryId, WorkerId, delivery::State};
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// How often in a row it has failed with `reason`, this time included.
    pub repeats: u32,
    /// For `uncertain`: when to look at it.
    pub settle_at: Option<OffsetDateTime>,
    /// For `rejected`: whether the contact may be tried on another channel, if the campaign says so.
    pub rescue: bool,
    /// What follows, in words, for whoever asks why.
    pub rule: String,
    /// Where the world sees it.
    pub permalink: Option<String>,
    /// What it really cost, where that isn't its sender's price.
    pub cost_micros: Option<i64>,
    /// For `retry_wait`: what the next try goes on with.
    pub progress: Option<Value>,
    /// Whether an earlier try left something to go on with.
    pub has_progress: bool,
}

impl Tried {
    /// An outcome of which nothing else is to be said.
    #[must_use]
    pub const fn new(delivery_id: DeliveryId, attempt: u32, state: State) -> Self {
        Self {
            delivery_id,
            attempt,
            state,
            reason: None,
            provider_message_id: None,
            next_attempt_at: None,
            repeats: 0,
            settle_at: None,
            rescue: false,
            rule: String::new(),
            permalink: None,
            cost_micros: None,
            progress: None,
            has_progress: false,
        }
    }
}

/// The columns of outcomes, for `unnest`.
#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    attempts: Vec<i32>,
    states: Vec<String>,
    reasons: Vec<Option<String>>,
    provider_ids: Vec<Option<String>>,
    next: Vec<Option<OffsetDateTime>>,
    repeats: Vec<i16>,
    settle: Vec<Option<OffsetDateTime>>,
    rescue: Vec<bool>,
    rules: Vec<String>,
    permalinks: Vec<Option<String>>,
    costs: Vec<Option<i64>>,
}

impl Columns {
    fn of(tried: &[Tried]) -> Self {
        let mut columns = Self::default();
        for one in tried {
            columns.ids.push(one.delivery_id.0);
            columns.attempts.push(i32::try_from(one.attempt).unwrap_or(i32::MAX));
            columns.states.push(one.state.as_str().to_owned());
            columns.reasons.push(one.reason.clone());
            columns.provider_ids.push(one.provider_message_id.clone());
            columns.next.push(one.next_attempt_at);
            columns.repeats.push(i16::try_from(one.repeats).unwrap_or(i16::MAX));
            columns.settle.push(one.settle_at);
            columns.rescue.push(one.rescue);
            columns.rules.push(one.rule.clone());
            columns.permalinks.push(one.permalink.clone());
            columns.costs.push(one.cost_micros);
        }
        columns
    }
}

/// Records a worker's outcomes, with the decision that each was but for the accepted ones, whose fact says it all. Answers with the ids
/// that were.
///
/// Only rows whose last try this was, by this worker, are changed; what it knows of that try is true, so it counts late as well:
/// after the row was declared `uncertain` because the worker was thought dead; and that the message was accepted counts whatever else
/// was decided since, unless another try has begun.
///
/// # Errors
/// When a statement fails; nothing is recorded then.
pub async fn record(connection: &mut PgConnection, worker: WorkerId, tried: &[Tried], now: OffsetDateTime) -> Result<Vec<i64>> {
    let columns = Columns::of(tried);
    let rows = sqlx::query!(
        r#"WITH recorded AS (
             UPDATE send.delivery d
             -- An acceptance doesn't end a row of failures: the same one may be reported of it later.
             SET state = t.state, next_attempt_at = t.next_attempt_at, updated_at = $12,
                 -- A step says nothing; what is known of a doubt stays known.
                 reason = CASE WHEN t.state = 'accepted' OR t.state = 'retry_wait' AND t.reason IS NULL AND d.doubtful THEN d.reason
                               ELSE t.reason END,
                 permalink = coalesce(t.permalink, d.permalink), cost_micros = coalesce(t.cost_micros, d.cost_micros),
                 repeats = CASE t.state WHEN 'accepted' THEN d.repeats ELSE t.repeats END,
                 provider_message_id = coalesce(t.provider_message_id, d.provider_message_id),
                 doubtful = t.state <> 'accepted' AND (t.state = 'uncertain' OR d.doubtful AND (d.state = 'sending' OR d.attempt > 1)),
                 uncertain_at = CASE WHEN t.state = 'uncertain' THEN coalesce(d.uncertain_at, $12) END,
                 settle_at = CASE WHEN t.state = 'uncertain' THEN coalesce(d.settle_at, t.settle_at) END
             FROM unnest($2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::smallint[],
                         $9::timestamptz[], $10::boolean[], $11::text[], $14::text[], $15::bigint[])
                  AS t (delivery_id, attempt, state, reason, provider_message_id, next_attempt_at, repeats, settle_at, rescue, rule,
                        permalink, cost_micros)
             WHERE d.delivery_id = t.delivery_id AND d.worker_id = $1 AND d.attempt = t.attempt
               AND (d.state IN ('sending', 'uncertain') OR d.state = 'unknown' AND t.state <> 'uncertain'
                    OR t.state = 'accepted' AND d.state <> 'accepted')
             RETURNING d.delivery_id, d.workspace_id, d.run_id, d.channel, d.attempt, d.state, d.reason, d.reserved_micros, d.doubtful, t.rule,
                       t.rescue, old.state AS was, old.reason AS last_reason
           ), decided AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
             SELECT delivery_id, workspace_id, $12, attempt, CASE state WHEN 'retry_wait' THEN 'retry' ELSE state END,
                    coalesce(reason, ''), rule
             FROM recorded WHERE state <> 'accepted' OR was <> 'sending'
           ), rescued AS (
             INSERT INTO send.rescue (delivery_id, created_at)
             SELECT r.delivery_id, $12 FROM recorded r JOIN send.run_channel rc USING (run_id, channel)
             WHERE r.rescue AND r.state = 'rejected' AND rc.rescue_channel IS NOT NULL
             ON CONFLICT DO NOTHING
           ), reopened AS (
             -- Its run may have ended meanwhile: it doesn't wait for what is uncertain.
             INSERT INTO send.reopen (run_id, created_at)
             SELECT DISTINCT run_id, $12::timestamptz FROM recorded WHERE state = 'retry_wait' AND was <> 'sending'
             ON CONFLICT DO NOTHING
           )
           -- What an earlier try may have cost isn't given back.
           SELECT delivery_id AS "delivery_id!", reserved_micros AS "reserved_micros!", reserved_micros > 0 AND state IN ('retry_wait', 'rejected', 'suppressed')
                  AND NOT (doubtful AND last_reason IS DISTINCT FROM $13) AS "refund!"
           FROM recorded"#,
        worker.0,
        &columns.ids,
        &columns.attempts,
        &columns.states,
        &columns.reasons as &[Option<String>],
        &columns.provider_ids as &[Option<String>],
        &columns.next as &[Option<OffsetDateTime>],
        &columns.repeats,
        &columns.settle as &[Option<OffsetDateTime>],
        &columns.rescue,
        &columns.rules,
        now,
        NOT_FOUND,
        &columns.permalinks as &[Option<String>],
        &columns.costs as &[Option<i64>]
    )
    .fetch_all(&mut *connection)
    .await?;
    let kept: Vec<i64> = rows.iter().map(|row| row.delivery_id).collect();
    progress::keep(connection, tried, &kept, now).await?;
    let unspent: Vec<i64> = rows.iter().filter(|row| row.refund).map(|row| row.delivery_id).collect();
    budget::refund(connection, &unspent).await?;
    keep_costs(connection, tried, rows.iter().map(|row| (row.delivery_id, row.reserved_micros))).await?;
    Ok(kept)
}

/// Gives back what messages hold beyond what they cost; `held` are deliveries with what they hold.
async fn keep_costs(connection: &mut PgConnection, tried: &[Tried], held: impl Iterator<Item = (i64, i64)>) -> Result<()> {
    let costs: BTreeMap<i64, i64> = tried.iter().filter_map(|one| Some((one.delivery_id.0, one.cost_micros?))).collect();
    let cheaper = |(id, micros): (i64, i64)| costs.get(&id).filter(|cost| **cost < micros).map(|cost| (id, *cost));
    let (ids, kept): (Vec<i64>, Vec<i64>) = held.filter_map(cheaper).unzip();
    budget::keep(connection, &ids, &kept).await
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
