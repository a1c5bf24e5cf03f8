//! What the gate decided about each delivery, marked and written down.

use super::{Ask, Stopped, claim::Claimed, standing::Ground};
use crate::{PgConnection, Result, budget, settle::NOT_FOUND};
use domain::{DeliveryId, breaker, delivery::State, rate::Grant};
use time::OffsetDateTime;

/// What was decided about one delivery.
pub(super) struct Verdict {
    delivery_id: DeliveryId,
    state: State,
    /// As it is written down: passed, suppressed, deferred or accepted.
    word: &'static str,
    reason: &'static str,
    rule: String,
    until: Option<OffsetDateTime>,
    /// Of the content, for one that leaves.
    content_version: Option<i32>,
}

impl Verdict {
    pub(super) fn pass(claimed: &Claimed, stands_in: bool) -> Self {
        let rule = if stands_in { "fallback sender" } else { "" };
        let content_version = Some(claimed.content_version);
        let (delivery_id, rule) = (claimed.delivery_id, rule.to_owned());
        Self { delivery_id, state: State::Sending, word: "passed", reason: "", rule, until: None, content_version }
    }

    pub(super) const fn suppress(delivery_id: DeliveryId, reason: &'static str, rule: String) -> Self {
        Self { delivery_id, state: State::Suppressed, word: "suppressed", reason, rule, until: None, content_version: None }
    }

    pub(super) const fn unknown(delivery_id: DeliveryId, rule: String) -> Self {
        Self { delivery_id, state: State::Unknown, word: "unknown", reason: "", rule, until: None, content_version: None }
    }

    pub(super) const fn defer(delivery_id: DeliveryId, until: OffsetDateTime, reason: &'static str, rule: String) -> Self {
        Self { delivery_id, state: State::RetryWait, word: "deferred", reason, rule, until: Some(until), content_version: None }
    }

    pub(super) fn already_sent(delivery_id: DeliveryId) -> Self {
        let rule = "an earlier try was reported to have left".to_owned();
        Self { delivery_id, state: State::Accepted, word: "accepted", reason: "", rule, until: None, content_version: None }
    }

    pub(super) fn stopped(&self) -> Option<Stopped> {
        let stops = matches!(self.state, State::Suppressed | State::Unknown | State::Accepted);
        stops.then_some(Stopped { delivery_id: self.delivery_id, state: self.state, reason: self.reason })
    }
}

/// What those that leave take of the budget.
#[derive(Clone, Copy)]
pub(super) struct Spend {
    /// Of one message; None without a budget.
    pub(super) price_micros: Option<i64>,
    /// Of all that leave, beyond what they hold.
    pub(super) micros: i64,
    /// The one that leaves finds out whether its sender works again.
    pub(super) is_probe: bool,
}

/// Marks what was decided and writes it down, with the sender's pace after it, in one statement. A message's first pass is written down in
/// its own row (`passed_at`), unless there is something to say about it. A message that is put off keeps the code that it last failed
/// with, so that a ladder of retries goes on where it was, and one that may have left keeps what is known of that.
pub(super) async fn mark(
    connection: &mut PgConnection,
    ask: Ask<'_>,
    ground: &Ground,
    verdicts: &[Verdict],
    spend: Spend,
    pace: Option<&Grant>,
    now: OffsetDateTime,
) -> Result<()> {
    if verdicts.is_empty() && pace.is_none() {
        return Ok(());
    }
    let ids: Vec<i64> = verdicts.iter().map(|verdict| verdict.delivery_id.0).collect();
    let states: Vec<String> = verdicts.iter().map(|verdict| verdict.state.as_str().to_owned()).collect();
    let words: Vec<String> = verdicts.iter().map(|verdict| verdict.word.to_owned()).collect();
    let reasons: Vec<String> = verdicts.iter().map(|verdict| verdict.reason.to_owned()).collect();
    let rules: Vec<String> = verdicts.iter().map(|verdict| verdict.rule.clone()).collect();
    let untils: Vec<Option<OffsetDateTime>> = verdicts.iter().map(|verdict| verdict.until).collect();
    let versions: Vec<Option<i32>> = verdicts.iter().map(|verdict| verdict.content_version).collect();
    sqlx::query!(
        "WITH marked AS (
           UPDATE send.delivery d
           SET state = v.state, updated_at = $7, next_attempt_at = v.until,
               reason = CASE v.state WHEN 'suppressed' THEN v.reason
                                     WHEN 'retry_wait' THEN CASE WHEN d.repeats > 0 OR d.doubtful THEN d.reason ELSE v.reason END ELSE d.reason END,
               attempt = CASE v.state WHEN 'sending' THEN d.attempt + 1 ELSE d.attempt END,
               worker_id = CASE v.state WHEN 'sending' THEN $8 ELSE d.worker_id END,
               sender_id = CASE v.state WHEN 'sending' THEN $9 ELSE d.sender_id END,
               sent_at = CASE v.state WHEN 'sending' THEN $7 ELSE d.sent_at END,
               content_version = coalesce(v.content_version, d.content_version),
               passed_at = CASE v.state WHEN 'sending' THEN coalesce(d.passed_at, $7) ELSE d.passed_at END,
               reserved_micros = CASE v.state WHEN 'sending' THEN greatest(d.reserved_micros, $10::bigint) ELSE d.reserved_micros END
           FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $16::int[])
                AS v (delivery_id, state, word, reason, rule, until, content_version)
           WHERE d.delivery_id = v.delivery_id
           RETURNING d.delivery_id, d.workspace_id, d.attempt, v.word, v.reason, v.rule
         ), spent AS (
           UPDATE send.spend SET reserved_micros = reserved_micros + $11::bigint
           WHERE $11::bigint > 0 AND campaign_id = $12 AND channel IN ('', $13)
         ), paced AS (
           UPDATE send.rate_bucket SET next_at = to_timestamp($14::float8), yield_until = to_timestamp($15::float8)
           WHERE $14::float8 IS NOT NULL AND sender_id = $9
         )
         INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, reason, rule)
         SELECT delivery_id, workspace_id, $7, attempt, word, reason, rule FROM marked WHERE attempt <> 1 OR word <> 'passed' OR rule <> ''",
        &ids,
        &states,
        &words,
        &reasons,
        &rules,
        &untils as &[Option<OffsetDateTime>],
        now,
        ask.worker_id.0,
        ask.sender_id.0,
        spend.price_micros.unwrap_or(0),
        spend.micros,
        ground.campaign_id.0,
        ask.channel.as_str(),
        pace.map(|pace| pace.next_at),
        pace.and_then(|pace| pace.yield_until),
        &versions as &[Option<i32>]
    )
    .execute(&mut *connection)
    .await?;
    if spend.is_probe {
        // Whoever comes next waits for what this one finds out, or for its worker's death.
        sqlx::query!(
            "UPDATE send.sender_state SET open_until = clock_timestamp() + make_interval(secs => $2) WHERE sender_id = $1",
            ask.sender_id.0,
            breaker::PROBE.as_secs_f64()
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Drops what waits of a job whose run's time has run out; what may have left by an earlier try becomes `unknown` instead.
pub(super) async fn expire(connection: &mut PgConnection, ask: Ask<'_>, now: OffsetDateTime) -> Result<Vec<Stopped>> {
    let rows = sqlx::query!(
        r#"WITH expired AS (
             UPDATE send.delivery SET state = CASE WHEN doubtful AND reason IS DISTINCT FROM $4 THEN 'unknown' ELSE 'expired' END,
                                      updated_at = $3
             WHERE delivery_id = ANY($1) AND run_id IS NOT DISTINCT FROM $2 AND state = 'queued'
             RETURNING delivery_id, workspace_id, attempt, state
           ), noted AS (
             INSERT INTO send.decision (delivery_id, workspace_id, at, attempt, verdict, rule)
             SELECT delivery_id, workspace_id, $3, attempt, state, 'expired' FROM expired
           )
           SELECT delivery_id AS "delivery_id!", state = 'expired' AS "never_left!" FROM expired"#,
        ask.delivery_ids,
        ask.run_id.0,
        now,
        NOT_FOUND
    )
    .fetch_all(&mut *connection)
    .await?;
    let unspent: Vec<i64> = rows.iter().filter(|row| row.never_left).map(|row| row.delivery_id).collect();
    budget::refund(connection, &unspent).await?;
    let stopped = rows.into_iter().map(|row| Stopped {
        delivery_id: DeliveryId(row.delivery_id),
        state: if row.never_left { State::Expired } else { State::Unknown },
        reason: "",
    });
    Ok(stopped.collect())
}
