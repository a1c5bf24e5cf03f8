//! The gate: what may leave is decided here, immediately before it leaves, in one transaction. Only what it let through may reach
//! a provider.
//!
//! The steps, in this order: is the run still on; which of these deliveries wait, and may they be sent as of now; how many may leave
//! by the sender's pace; mark those `sending` with this worker's id, and the others with their reason.

use crate::{PgConnection, Result};
use domain::{Channel, DeliveryId, RunId, SenderId, WorkerId, delivery::State, delivery::reason, rate};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a worker asks the gate.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub run_id: RunId,
    pub channel: Channel,
    pub sender_id: SenderId,
    pub worker_id: WorkerId,
    /// The deliveries of the job.
    pub delivery_ids: &'a [i64],
    /// How many may leave at most.
    pub limit: u32,
}

/// Whether the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Open,
    /// Paused, or not yet active: keep the job for later.
    Paused,
    /// Cancelled or over: what waits will be dropped.
    Closed,
    /// Its time has run out.
    Expired,
}

/// The gate's answer.
#[derive(Debug)]
pub struct Answer {
    pub standing: Standing,
    /// Let through, and now held by the worker.
    pub claimed: Vec<Claimed>,
    /// Stopped here, for good.
    pub stopped: Vec<Stopped>,
    /// Whether some of the job's deliveries still wait.
    pub more: bool,
    /// How long until the sender's pace lets the next one leave.
    pub wait: Option<Duration>,
}

/// A delivery that may leave, with what its content is rendered from.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub delivery_id: DeliveryId,
    /// This try's number, from 1.
    pub attempt: u32,
    pub address: String,
    pub contact: Contact,
}

/// The contact as it is now.
#[derive(Debug, Clone)]
pub struct Contact {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub locale: String,
    pub city: String,
    pub postal_code: String,
    pub role: String,
    pub attributes: serde_json::Value,
}

/// A delivery that must not leave any more.
#[derive(Debug, Clone)]
pub struct Stopped {
    pub delivery_id: DeliveryId,
    pub state: State,
    pub reason: &'static str,
}

struct Candidate {
    claimed: Claimed,
    stop: Option<&'static str>,
}

/// Passes deliveries through the gate. In a transaction of its own, which the caller commits before anything is sent.
///
/// # Errors
/// When a statement fails; nothing was let through then.
pub async fn pass(connection: &mut PgConnection, ask: Ask<'_>, now: OffsetDateTime) -> Result<Answer> {
    let standing = standing(connection, ask.run_id).await?;
    let closed = Answer { standing, claimed: Vec::new(), stopped: Vec::new(), more: false, wait: None };
    match standing {
        Standing::Paused | Standing::Closed => return Ok(closed),
        Standing::Expired => {
            let stopped = expire(connection, ask, now).await?;
            return Ok(Answer { stopped, ..closed });
        }
        Standing::Open => {}
    }
    let candidates = candidates(connection, ask).await?;
    let full = candidates.len() as u32 == ask.limit;
    let (stop, go): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| candidate.stop.is_some());
    let (granted, wait) = take_tokens(connection, ask.sender_id, go.len() as u32).await?;
    let left_over = go.len() > granted as usize;
    let claimed: Vec<_> = go.into_iter().take(granted as usize).map(|candidate| candidate.claimed).collect();
    let stopped: Vec<_> = stop
        .into_iter()
        .filter_map(|candidate| {
            let reason = candidate.stop?;
            Some(Stopped { delivery_id: candidate.claimed.delivery_id, state: State::Suppressed, reason })
        })
        .collect();
    mark(connection, ask.worker_id, &claimed, &stopped, now).await?;
    Ok(Answer { standing, claimed, stopped, more: full || left_over, wait })
}

async fn standing(connection: &mut PgConnection, run: RunId) -> Result<Standing> {
    let row = sqlx::query!(
        r#"SELECT r.status AS run_status, c.status AS campaign_status, r.expires_at <= now() AS "expired!"
           FROM send.run r JOIN core.campaign c USING (campaign_id) WHERE r.run_id = $1"#,
        run.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Standing::Closed) };
    Ok(match (row.run_status.as_str(), row.campaign_status.as_str()) {
        ("expanding" | "sending", "ACTIVE") if row.expired => Standing::Expired,
        ("expanding" | "sending", "ACTIVE") => Standing::Open,
        ("expanding" | "sending", "PAUSED") => Standing::Paused,
        _ => Standing::Closed,
    })
}

async fn candidates(connection: &mut PgConnection, ask: Ask<'_>) -> Result<Vec<Candidate>> {
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, d.attempt, d.address, c.contact_id IS NULL AS "deleted!",
                  EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = d.workspace_id AND o.address_key = d.address_key
                          AND o.channel IN (d.channel, 'all')) AS "opted_out!",
                  coalesce(c.name, '') AS "name!", coalesce(c.email, '') AS "email!", coalesce(c.phone, '') AS "phone!",
                  coalesce(c.locale, '') AS "locale!", coalesce(c.city, '') AS "city!",
                  coalesce(c.postal_code, '') AS "postal_code!", coalesce(c.role, '') AS "role!",
                  coalesce(c.attributes, '{}') AS "attributes!"
           FROM send.delivery d LEFT JOIN core.contact c ON c.contact_id = d.contact_id
           WHERE d.delivery_id = ANY($1) AND d.run_id = $2 AND d.channel = $3 AND d.state = 'queued'
           ORDER BY d.delivery_id LIMIT $4 FOR UPDATE OF d SKIP LOCKED"#,
        ask.delivery_ids,
        ask.run_id.0,
        ask.channel.as_str(),
        i64::from(ask.limit)
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            stop: if row.deleted {
                Some(reason::CONTACT_DELETED)
            } else if row.opted_out {
                Some(reason::OPTED_OUT)
            } else {
                None
            },
            claimed: Claimed {
                delivery_id: DeliveryId(row.delivery_id),
                attempt: row.attempt.unsigned_abs() + 1,
                address: row.address,
                contact: Contact {
                    name: row.name,
                    email: row.email,
                    phone: row.phone,
                    locale: row.locale,
                    city: row.city,
                    postal_code: row.postal_code,
                    role: row.role,
                    attributes: row.attributes,
                },
            },
        })
        .collect())
}

/// Takes up to `want` messages from the sender's pace, which all replicas share. Locks the pace until the transaction ends, so it
/// comes last.
async fn take_tokens(connection: &mut PgConnection, sender: SenderId, want: u32) -> Result<(u32, Option<Duration>)> {
    if want == 0 {
        return Ok((0, None));
    }
    let row = sqlx::query!(
        r#"SELECT extract(epoch FROM b.next_at)::float8 AS "next_at!", extract(epoch FROM clock_timestamp())::float8 AS "now!",
                  s.rate_per_second
           FROM send.rate_bucket b JOIN core.sender s USING (sender_id) WHERE b.sender_id = $1 FOR UPDATE OF b"#,
        sender.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        // The first message ever of this sender starts its pace, from nothing.
        sqlx::query!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ($1, clock_timestamp()) ON CONFLICT DO NOTHING", sender.0)
            .execute(connection)
            .await?;
        return Ok((0, Some(Duration::from_millis(1))));
    };
    let grant = rate::grant(row.next_at, row.now, want, row.rate_per_second);
    if grant.count > 0 {
        sqlx::query!("UPDATE send.rate_bucket SET next_at = to_timestamp($2) WHERE sender_id = $1", sender.0, grant.next_at)
            .execute(connection)
            .await?;
    }
    Ok((grant.count, grant.wait))
}

async fn mark(
    connection: &mut PgConnection,
    worker: WorkerId,
    claimed: &[Claimed],
    stopped: &[Stopped],
    now: OffsetDateTime,
) -> Result<()> {
    if !claimed.is_empty() {
        let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.delivery_id.0).collect();
        sqlx::query!(
            "UPDATE send.delivery SET state = 'sending', attempt = attempt + 1, worker_id = $2, updated_at = $3
             WHERE delivery_id = ANY($1)",
            &ids,
            worker.0,
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    if !stopped.is_empty() {
        let ids: Vec<i64> = stopped.iter().map(|stopped| stopped.delivery_id.0).collect();
        let reasons: Vec<String> = stopped.iter().map(|stopped| stopped.reason.to_owned()).collect();
        sqlx::query!(
            "UPDATE send.delivery d SET state = 'suppressed', reason = s.reason, updated_at = $3
             FROM unnest($1::bigint[], $2::text[]) AS s (delivery_id, reason) WHERE d.delivery_id = s.delivery_id",
            &ids,
            &reasons,
            now
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn expire(connection: &mut PgConnection, ask: Ask<'_>, now: OffsetDateTime) -> Result<Vec<Stopped>> {
    let ids = sqlx::query_scalar!(
        "UPDATE send.delivery SET state = 'expired', updated_at = $2 WHERE delivery_id = ANY($1) AND state = 'queued'
         RETURNING delivery_id",
        ask.delivery_ids,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(|id| Stopped { delivery_id: DeliveryId(id), state: State::Expired, reason: "" }).collect())
}

/// Slows a sender down for all replicas: nothing leaves before `wait` has passed.
///
/// # Errors
/// When the statement fails.
pub async fn hold_sender(connection: &mut PgConnection, sender: SenderId, wait: Duration) -> Result<()> {
    sqlx::query!(
        "UPDATE send.rate_bucket SET next_at = greatest(next_at, clock_timestamp() + make_interval(secs => $2)) WHERE sender_id = $1",
        sender.0,
        wait.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a run sends on a channel: its pinned content and its campaign.
#[derive(Debug, Clone)]
pub struct Plan {
    pub workspace_id: Uuid,
    pub campaign_name: String,
    pub content: serde_json::Value,
    pub price_micros: i64,
}

/// Reads what a run sends; None when there is no such run or channel.
///
/// # Errors
/// When the statement fails.
pub async fn plan(connection: &mut PgConnection, run: RunId, channel: Channel) -> Result<Option<Plan>> {
    Ok(sqlx::query_as!(
        Plan,
        "SELECT r.workspace_id, c.name AS campaign_name, r.content, rc.price_micros
         FROM send.run r JOIN core.campaign c USING (campaign_id) JOIN send.run_channel rc USING (run_id)
         WHERE r.run_id = $1 AND rc.channel = $2",
        run.0,
        channel.as_str()
    )
    .fetch_optional(connection)
    .await?)
}
