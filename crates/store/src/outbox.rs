//! Facts written in the same transaction as what they are about, on their way to the broker (ADR 1, ADR 5).
//!
//! Whoever changes the ledger adds the facts here and commits; a relay then publishes them and marks them after the broker's ack. A row
//! is deleted by who has handled what it tells, in the transaction that does so: until then the broker may lose the message, and the
//! relay publishes it again. Every handler bears that.

use crate::Result;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// How long a message that nobody could handle is left alone: as long as the broker keeps its copy of it.
const SET_ASIDE: Duration = Duration::days(30);

/// A message waiting to be published.
#[derive(Debug)]
pub struct Waiting {
    pub outbox_id: i64,
    pub subject: String,
    pub payload: Vec<u8>,
    pub traceparent: String,
}

/// A message to be written.
#[derive(Debug, Clone)]
pub struct New {
    pub subject: &'static str,
    pub payload: Vec<u8>,
}

/// Adds messages, all for one subject. `origin` names the service, which relays its own.
///
/// # Errors
/// When the statement fails.
pub async fn add(
    connection: &mut PgConnection,
    origin: &str,
    subject: &str,
    payloads: &[Vec<u8>],
    traceparent: &str,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO send.outbox (origin, subject, payload, traceparent, created_at)
         SELECT $1, $2, payload, $4, $5 FROM unnest($3::bytea[]) AS payload",
        origin,
        subject,
        payloads,
        traceparent,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds messages for any subjects, in one statement and outside any trace.
///
/// # Errors
/// When the statement fails.
pub async fn add_all(connection: &mut PgConnection, origin: &str, messages: &[New], now: OffsetDateTime) -> Result<()> {
    let subjects: Vec<String> = messages.iter().map(|message| message.subject.to_owned()).collect();
    let payloads: Vec<&[u8]> = messages.iter().map(|message| message.payload.as_slice()).collect();
    sqlx::query!(
        "INSERT INTO send.outbox (origin, subject, payload, created_at)
         SELECT $1, subject, payload, $4 FROM unnest($2::text[], $3::bytea[]) AS m (subject, payload)",
        origin,
        &subjects,
        &payloads as &[&[u8]],
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the oldest messages of an origin that were not published yet, those for the `left_out` subjects excepted; replicas take
/// different ones. They stay locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn take(connection: &mut PgConnection, origin: &str, left_out: &[String], limit: i64) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        "SELECT outbox_id, subject, payload, traceparent FROM send.outbox
         WHERE origin = $1 AND published_at IS NULL AND subject <> ALL($2) ORDER BY outbox_id LIMIT $3 FOR UPDATE SKIP LOCKED",
        origin,
        left_out,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Marks what the broker has acknowledged.
///
/// # Errors
/// When the statement fails.
pub async fn mark_published(connection: &mut PgConnection, ids: &[i64], now: OffsetDateTime) -> Result<()> {
    sqlx::query!("UPDATE send.outbox SET published_at = $2 WHERE outbox_id = ANY($1)", ids, now).execute(connection).await?;
    Ok(())
}

/// Takes messages that were published before a time and are still here, the longest ago first, and marks them as published now.
///
/// # Errors
/// When the statement fails.
pub async fn take_lost(
    connection: &mut PgConnection,
    origin: &str,
    subject: &str,
    before: OffsetDateTime,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        "UPDATE send.outbox SET published_at = $4 WHERE outbox_id IN (
             SELECT outbox_id FROM send.outbox WHERE origin = $1 AND published_at < $3 AND subject = $2
             ORDER BY published_at LIMIT $5 FOR UPDATE SKIP LOCKED)
         RETURNING outbox_id, subject, payload, traceparent",
        origin,
        subject,
        before,
        now,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Deletes what has been handled, in the transaction that handles it. What isn't there any more is no error.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    // In one order, so that two that handle the same messages wait for each other and don't deadlock.
    sqlx::query!(
        "DELETE FROM send.outbox WHERE outbox_id IN (SELECT outbox_id FROM send.outbox WHERE outbox_id = ANY($1) ORDER BY outbox_id FOR UPDATE)",
        ids
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a message alone that nobody could handle and that is kept in DLQ. Should it still be here in 30 days, it is published again.
///
/// # Errors
/// When the statement fails.
pub async fn set_aside(connection: &mut PgConnection, outbox_id: i64, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("UPDATE send.outbox SET published_at = $2 WHERE outbox_id = $1", outbox_id, now + SET_ASIDE).execute(connection).await?;
    Ok(())
}

/// How many messages of an origin wait, to be published or to be handled, counted no further than `limit`. What was set aside doesn't.
///
/// # Errors
/// When the statement fails.
pub async fn backlog(connection: &mut PgConnection, origin: &str, limit: i64, now: OffsetDateTime) -> Result<i64> {
    // Each half reads one partial index.
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               (SELECT 1 FROM send.outbox WHERE origin = $1 AND published_at IS NULL LIMIT $2)
               UNION ALL
               (SELECT 1 FROM send.outbox WHERE origin = $1 AND published_at IS NOT NULL AND published_at <= $3 LIMIT $2)) AS waiting"#,
        origin,
        limit,
        now
    )
    .fetch_one(connection)
    .await?)
}
