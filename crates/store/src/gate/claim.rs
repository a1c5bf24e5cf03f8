//! Deliveries at the gate: locked while they are judged, then marked with what was decided, which is also written down.

use super::{Ask, Stopped, judge::Subject, pace::Pace, standing::Ground};
use crate::{
    PgConnection, Result,
    budget::{self, Spent},
    requeue::RESENT,
    settle::NOT_FOUND,
};
use domain::{
    ContactId, DeliveryId, breaker,
    delivery::{KEY_KNOWN_FOR, State},
    rate::{Bucket, Grant},
    render::Person,
};
use time::OffsetDateTime;

/// A delivery that may leave, with what its content is rendered from.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub delivery_id: DeliveryId,
    /// This try's number, from 1.
    pub attempt: u32,
    /// How many earlier tries its provider took that failed afterwards: this one is another message than theirs.
    pub earlier: u32,
    pub address: String,
    /// How often in a row it has failed with `last_code`.
    pub repeats: u32,
    pub last_code: Option<String>,
    /// Of its run's content, the one that it is made of: the newest, unless an earlier try may have left, whose provider would take another
    /// content for another message.
    pub content_version: i32,
    /// As it is now.
    pub contact: Person,
}

/// A delivery that waits, locked.
pub(super) struct Candidate {
    pub(super) claimed: Claimed,
    contact_id: ContactId,
    address_key: String,
    doubtful: bool,
    /// An earlier try may have left. False of one that its provider says it never got.
    may_have_left: bool,
    /// Nobody wants it sent again but us, and its provider may have forgotten by now that it got it.
    is_forgotten: bool,
    /// What it holds of the budget from an earlier try that may have left.
    reserved_micros: i64,
}

impl Candidate {
    pub(super) fn subject(&self) -> Subject<'_> {
        let tried = (self.claimed.attempt > 1).then_some(self.claimed.delivery_id);
        Subject { contact_id: self.contact_id, address_key: &self.address_key, tried, doubtful: self.doubtful }
    }

    /// The verdict over one that may not leave by that rule: nobody can say that it never did.
    pub(super) fn suppress(&self, reason: &'static str, rule: String) -> Verdict {
        match self.may_have_left {
            false => Verdict::suppress(self.claimed.delivery_id, reason, rule),
            true => Verdict::unknown(self.claimed.delivery_id, format!("{rule}; an earlier try may have left")),
        }
    }

    /// The verdict over one that is not to be sent a second time, though nothing else speaks against it.
    pub(super) fn forgotten(&self) -> Option<Verdict> {
        let rule = "an earlier try may have left, and its provider may not know it any more".to_owned();
        self.is_forgotten.then(|| Verdict::unknown(self.claimed.delivery_id, rule))
    }

    /// What it holds of the budget, if it does.
    pub(super) fn holds(&self) -> Option<i64> {
        (self.reserved_micros > 0).then_some(self.claimed.delivery_id.0)
    }

    /// What it takes of the budget at that price, beyond what it holds.
    pub(super) fn costs(&self, price_micros: i64) -> i64 {
        (price_micros - self.reserved_micros).max(0)
    }
}

/// What a gate holds until its transaction ends.
pub(super) struct Locked {
    pub(super) candidates: Vec<Candidate>,
    /// None: nothing yet, or there is no budget.
    pub(super) spent: Option<Spent>,
    /// None: not locked, because the sender has never sent or is on trial, or because the budget's sums aren't there yet.
    pub(super) pace: Option<Pace>,
}

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

    const fn suppress(delivery_id: DeliveryId, reason: &'static str, rule: String) -> Self {
        Self { delivery_id, state: State::Suppressed, word: "suppressed", reason, rule, until: None, content_version: None }
    }

    const fn unknown(delivery_id: DeliveryId, rule: String) -> Self {
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

/// Locks up to `limit` of the deliveries that wait, with a budget what their campaign has spent, and the sender's pace. One whose earlier
/// try may have left stays with that try's sender, whose provider alone knows of it.
///
/// With frequency caps it waits for the workspace's turn: while one gate counts what its contacts got and marks what leaves, no other one
/// does, so that two channels can't both send the last message that a cap allows. One lock instead of one a contact, because locks are
/// memory that all of the database shares; a gate takes a few milliseconds. Deliveries that others hold are skipped and never waited for,
/// so the order of these locks is free.
///
/// The run is compared in a way that no index answers: right after an expansion, before the server has counted its rows, it would take
/// the whole run to be the shorter way than the ids of a job.
#[expect(clippy::too_many_lines, reason = "one statement and what is read from it")]
pub(super) async fn lock(connection: &mut PgConnection, ask: Ask<'_>, ground: &Ground, limit: u32, now: OffsetDateTime) -> Result<Locked> {
    let capped = !ground.policy.transactional && !ground.policy.caps.is_empty();
    let rows = sqlx::query!(
        r#"WITH spent AS MATERIALIZED (
             SELECT s.channel, s.reserved_micros FROM send.spend s WHERE s.campaign_id = $11 AND s.channel IN ('', $3)
             ORDER BY s.channel FOR UPDATE
           ), paced AS MATERIALIZED (
             -- After the sums: whoever takes both takes them in this order, so not before there are sums.
             SELECT extract(epoch FROM b.next_at)::float8 AS next_at, extract(epoch FROM clock_timestamp())::float8 AS now, b.pace,
                    extract(epoch FROM b.pace_at)::float8 AS pace_at, extract(epoch FROM b.yield_until)::float8 AS yield_until, s.rate_per_second
             FROM send.rate_bucket b JOIN core.sender s USING (sender_id)
             WHERE b.sender_id = $12 AND ((SELECT count(*) FROM spent) = 2 OR $11 IS NULL) FOR UPDATE OF b)
           SELECT p.next_at AS "next_at?", p.now AS "now?", p.pace AS "pace?", p.pace_at AS "pace_at?", p.yield_until AS "yield_until?",
                  p.rate_per_second AS "rate_per_second?", (SELECT reserved_micros FROM spent WHERE channel = '') AS total_spent,
                  (SELECT reserved_micros FROM spent WHERE channel = $3) AS channel_spent, d.delivery_id, d.contact_id, d.attempt, d.address, coalesce(d.address_key, '') AS "address_key!", d.repeats, d.reason,
                  coalesce(cardinality(d.earlier_ids), 0) AS "earlier!", d.doubtful, d.doubtful AND d.reason IS DISTINCT FROM $6 AS "may_have_left!",
                  d.doubtful AND d.reason IS DISTINCT FROM $6 AND d.reason IS DISTINCT FROM $7
                    AND coalesce(d.sent_at < $8::timestamptz - make_interval(secs => $9), false) AS "is_forgotten!",
                  CASE WHEN d.doubtful AND d.reason IS DISTINCT FROM $6 THEN coalesce(d.content_version, 1) END AS kept_version,
                  d.reserved_micros, coalesce(c.name, '') AS "name!", coalesce(c.email, '') AS "email!",
                  coalesce(c.phone, '') AS "phone!", coalesce(c.locale, '') AS "locale!", coalesce(c.city, '') AS "city!",
                  coalesce(c.postal_code, '') AS "postal_code!", coalesce(c.role, '') AS "role!", coalesce(c.attributes, '{}') AS "attributes!"
           FROM send.delivery d LEFT JOIN core.contact c ON c.contact_id = d.contact_id LEFT JOIN paced p ON true
           WHERE d.delivery_id = ANY($1) AND d.run_id IS NOT DISTINCT FROM $2 AND d.channel = $3 AND d.state = 'queued'
             AND (NOT d.doubtful OR d.sender_id = $5)
             AND ($10::text IS NULL OR (SELECT pg_advisory_xact_lock(hashtextextended($10, 0))::text IS NOT NULL))
           ORDER BY d.delivery_id LIMIT $4 FOR UPDATE OF d SKIP LOCKED"#,
        ask.delivery_ids,
        ask.run_id.0,
        ask.channel.as_str(),
        i64::from(limit),
        ask.sender_id.0,
        NOT_FOUND,
        RESENT,
        now,
        KEY_KNOWN_FOR.as_secs_f64(),
        capped.then(|| format!("frequency_cap:{}", ground.workspace_id)),
        ground.limits.map(|_| ground.campaign_id.0),
        // A probe asks its sender's breaker first.
        (!ground.is_probe).then_some(ask.sender_id.0)
    )
    .fetch_all(connection)
    .await?;
    let pace = rows.first().and_then(|row| {
        let bucket = Bucket { next_at: row.next_at?, pace: row.pace?, pace_at: row.pace_at, yield_until: row.yield_until };
        Some(Pace { bucket, now: row.now?, rate_per_second: row.rate_per_second? })
    });
    let spent = rows.first().and_then(|row| {
        let (total_micros, channel_micros) = (row.total_spent?, row.channel_spent?);
        Some(Spent { total_micros, channel_micros })
    });
    let candidates = rows
        .into_iter()
        .map(|row| Candidate {
            claimed: Claimed {
                delivery_id: DeliveryId(row.delivery_id),
                attempt: row.attempt.unsigned_abs() + 1,
                earlier: row.earlier.unsigned_abs(),
                address: row.address,
                repeats: row.repeats.unsigned_abs().into(),
                last_code: row.reason,
                content_version: row.kept_version.unwrap_or(ground.content_version),
                contact: Person {
                    name: row.name,
                    email: row.email,
                    phone: row.phone,
                    locale: row.locale,
                    city: row.city,
                    postal_code: row.postal_code,
                    role: row.role,
                    attributes: row.attributes.as_object().cloned().unwrap_or_default(),
                },
            },
            contact_id: ContactId(row.contact_id),
            address_key: row.address_key,
            doubtful: row.doubtful,
            may_have_left: row.may_have_left,
            is_forgotten: row.is_forgotten,
            reserved_micros: row.reserved_micros,
        })
        .collect();
    Ok(Locked { candidates, spent, pace })
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
