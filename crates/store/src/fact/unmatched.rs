//! Facts whose delivery isn't known yet: a report that overtook the record of its sending, or one about a message that isn't ours.

use super::{Fact, find};
use crate::{
    Error, Result, delivery,
    stats::{self, Counters, Finding},
};
use domain::{DeliveryId, SenderId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const FIRST_RETRY: Duration = Duration::seconds(2);

/// Tries unmatched facts whose time has come again. Answers how many of them were tried, and how many found.
///
/// # Errors
/// When a statement fails; then the transaction must be rolled back.
pub async fn retry(connection: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<(usize, usize)> {
    let due = due(&mut *connection, now, limit).await?;
    let (findings, still_lost) = settle(&mut *connection, &due).await?;
    let found = findings.len();
    let keys: Vec<Vec<u8>> = still_lost.iter().map(|fact| fact.key.to_vec()).collect();
    sqlx::query!(
        "UPDATE stats.unmatched SET tries = tries + 1, next_try_at = $2::timestamptz + least(interval '5 s' * (2 ^ least(tries, 20)), interval '6 h')
         WHERE fact_key = ANY($1)",
        &keys,
        now
    )
    .execute(&mut *connection)
    .await?;
    let mut counters = Counters::default();
    stats::learn(&mut *connection, findings, &mut counters, now).await?;
    stats::save(connection, counters).await?;
    Ok((due.len(), found))
}

pub(super) async fn keep(connection: &mut PgConnection, facts: &[&Fact], now: OffsetDateTime) -> Result<()> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO stats.unmatched (fact_key, delivery_id, sender_id, provider_message_id, next_try_at)
         SELECT f.*, $5 FROM unnest($1::bytea[], $2::bigint[], $3::uuid[], $4::text[]) AS f",
        &facts.iter().map(|fact| fact.key.to_vec()).collect::<Vec<_>>(),
        &facts.iter().map(|fact| fact.delivery_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &facts.iter().map(|fact| fact.sender_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &facts.iter().map(|fact| fact.provider_message_id.clone()).collect::<Vec<_>>() as _,
        now + FIRST_RETRY
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the log says of an unmatched fact.
struct Row {
    fact_key: Vec<u8>,
    kind: i16,
    occurred_at: OffsetDateTime,
    code: Option<String>,
    delivery_id: Option<i64>,
    sender_id: Option<Uuid>,
    provider_message_id: Option<String>,
    cost_micros: i64,
}

/// Locks unmatched facts about the messages that these facts connect with a delivery. Another fold's are left to it.
pub(super) async fn about_same(connection: &mut PgConnection, facts: &[&Fact]) -> Result<Vec<Fact>> {
    let known: Vec<_> = facts.iter().filter(|fact| fact.delivery_id.is_some() && fact.provider_message_id.is_some()).collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        Row,
        "SELECT u.fact_key, f.kind, f.occurred_at, f.code, u.delivery_id, u.sender_id, u.provider_message_id, f.cost_micros
         FROM stats.unmatched u JOIN stats.fact f USING (fact_key)
         WHERE (u.provider_message_id, u.sender_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
         ORDER BY u.fact_key FOR UPDATE OF u SKIP LOCKED",
        &known.iter().map(|fact| fact.provider_message_id.clone()).collect::<Vec<_>>() as _,
        &known.iter().map(|fact| fact.sender_id.map(|id| id.0)).collect::<Vec<_>>() as _
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Fact::try_from)
    .collect()
}

async fn due(connection: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<Fact>> {
    sqlx::query_as!(
        Row,
        "SELECT u.fact_key, f.kind, f.occurred_at, f.code, u.delivery_id, u.sender_id, u.provider_message_id, f.cost_micros
         FROM stats.unmatched u JOIN stats.fact f USING (fact_key)
         WHERE u.next_try_at <= $1 ORDER BY u.next_try_at LIMIT $2 FOR UPDATE OF u SKIP LOCKED",
        now,
        limit
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Fact::try_from)
    .collect()
}

/// Takes those that have a delivery now out of the unmatched ones.
pub(super) async fn settle<'a>(connection: &mut PgConnection, facts: &'a [Fact]) -> Result<(Vec<Finding<'a>>, Vec<&'a Fact>)> {
    let (found, lost) = find::deliveries(&mut *connection, &facts.iter().collect::<Vec<_>>()).await?;
    let keys: Vec<Vec<u8>> = found.iter().map(|finding| finding.fact.key.to_vec()).collect();
    if !keys.is_empty() {
        sqlx::query!("DELETE FROM stats.unmatched WHERE fact_key = ANY($1)", &keys).execute(connection).await?;
    }
    Ok((found, lost))
}

impl TryFrom<Row> for Fact {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let corrupt = |_| Error::Corrupt { what: "fact key", reason: "not written by this version".to_owned() };
        Ok(Self {
            key: row.fact_key.try_into().map_err(corrupt)?,
            kind: delivery::kind(row.kind)?,
            occurred_at: row.occurred_at,
            code: row.code.unwrap_or_default(),
            delivery_id: row.delivery_id.map(DeliveryId),
            sender_id: row.sender_id.map(SenderId),
            provider_message_id: row.provider_message_id,
            cost_micros: row.cost_micros,
            count: None,
        })
    }
}
