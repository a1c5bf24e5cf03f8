//! Facts written in the same transaction as what they are about, on their way to the broker (ADR 1).
//!
//! Whoever changes the ledger adds the facts here and commits; a relay then publishes them and deletes them after the broker's ack.
//! A crash between the two publishes them again, which the fold doesn't mind.

use crate::Result;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A message waiting to be published.
#[derive(Debug)]
pub struct Waiting {
    pub outbox_id: i64,
    pub subject: String,
    pub payload: Vec<u8>,
    pub traceparent: String,
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

/// Takes the oldest messages of an origin; replicas take different ones. They stay locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn take(connection: &mut PgConnection, origin: &str, limit: i64) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        "SELECT outbox_id, subject, payload, traceparent FROM send.outbox
         WHERE origin = $1 ORDER BY outbox_id LIMIT $2 FOR UPDATE SKIP LOCKED",
        origin,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Deletes what was published.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, ids: &[i64]) -> Result<()> {
    sqlx::query!("DELETE FROM send.outbox WHERE outbox_id = ANY($1)", ids).execute(connection).await?;
    Ok(())
}
