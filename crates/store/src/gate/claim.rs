//! Deliveries at the gate, locked while they are judged. What is decided about them is written by [`super::mark`].

use super::{Ask, judge::Subject, mark::Verdict, pace::Pace, standing::Ground};
use crate::{PgConnection, Result, budget::Spent, requeue::RESENT, settle::NOT_FOUND};
use domain::{ContactId, DeliveryId, delivery::KEY_KNOWN_FOR, rate::Bucket, render::Person};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;

/// A delivery that may leave, with what its content is rendered from.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub delivery_id: DeliveryId,
    /// Of a channel without contacts, the account's sender.
    pub contact_id: ContactId,
    /// This try's number, from 1.
    pub attempt: u32,
    /// How many earlier tries its provider took that failed afterwards: this one is another message than theirs.
    pub earlier: u32,
    pub address: String,
    /// How often in a row it has failed with `last_code`.
    pub repeats: u32,
    pub last_code: Option<String>,
    /// Of its run's content, the one that it is made of: the newest, unless an earlier try may have left, whose provider would take another
    /// content for another message, or has prepared it.
    pub content_version: i32,
    /// As it is now; empty on a channel without contacts.
    pub contact: Person,
    /// What the try before has prepared, to go on with.
    pub step: Option<Step>,
}

/// What a message's earlier tries have prepared at its provider, of which nothing can be seen yet.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    pub progress: Value,
    /// Tries that ended in a step, of all that it has had.
    pub steps: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub begun_at: OffsetDateTime,
}

/// A delivery that waits, locked.
pub(super) struct Candidate {
    pub(super) claimed: Claimed,
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
        Subject { contact_id: self.claimed.contact_id, address_key: &self.address_key, tried, doubtful: self.doubtful }
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
                  coalesce(d.content_version, 1) AS "last_version!", d.reserved_micros, coalesce(c.name, '') AS "name!", coalesce(c.email, '') AS "email!",
                  coalesce(c.phone, '') AS "phone!", coalesce(c.locale, '') AS "locale!", coalesce(c.city, '') AS "city!",
                  coalesce(c.postal_code, '') AS "postal_code!", coalesce(c.role, '') AS "role!", coalesce(c.attributes, '{}') AS "attributes!",
                  -- Looked up for what was tried before only.
                  CASE WHEN d.attempt > 0 THEN (SELECT jsonb_build_object('progress', g.progress, 'steps', g.steps, 'begun_at', g.begun_at)
                       FROM send.delivery_progress g WHERE g.delivery_id = d.delivery_id) END AS "step: Json<Step>"
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
                contact_id: ContactId(row.contact_id),
                attempt: row.attempt.unsigned_abs() + 1,
                earlier: row.earlier.unsigned_abs(),
                address: row.address,
                repeats: row.repeats.unsigned_abs().into(),
                last_code: row.reason,
                // What was prepared was made of it.
                content_version: if row.may_have_left || row.step.is_some() { row.last_version } else { ground.content_version },
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
                step: row.step.map(|Json(step)| step),
            },
            address_key: row.address_key,
            doubtful: row.doubtful,
            may_have_left: row.may_have_left,
            is_forgotten: row.is_forgotten,
            reserved_micros: row.reserved_micros,
        })
        .collect();
    Ok(Locked { candidates, spent, pace })
}
