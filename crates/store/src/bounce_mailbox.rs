//! Mailboxes that bounces come back to: how far each has been read, and who is at it.

use crate::Result;
use domain::{SenderId, WorkspaceId};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;

/// A mailbox that is to be read, claimed by one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub sender_id: SenderId,
    pub workspace_id: WorkspaceId,
    /// UIDVALIDITY and the last UID that was read; 0 before the first time.
    pub validity: u32,
    pub uid: u32,
    /// In a row.
    pub failures: u32,
}

/// How a visit to a mailbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visited<'a> {
    pub validity: u32,
    pub uid: u32,
    pub next_at: OffsetDateTime,
    /// Why it couldn't be read; empty when it could.
    pub fault: &'a str,
}

/// Notes the mailboxes of senders that name one and weren't known yet.
///
/// # Errors
/// When the statement fails.
pub async fn plan(connection: &mut PgConnection, now: OffsetDateTime) -> Result<u64> {
    Ok(sqlx::query!(
        "INSERT INTO core.bounce_mailbox (sender_id, workspace_id, next_at, updated_at)
         SELECT sender_id, workspace_id, $1, $1 FROM core.sender WHERE settings->>'mailbox_host' <> ''
         ON CONFLICT (sender_id) DO NOTHING",
        now
    )
    .execute(connection)
    .await?
    .rows_affected())
}

/// Claims the mailbox that has waited longest, for so long.
///
/// # Errors
/// When the statement fails.
pub async fn take(connection: &mut PgConnection, lease: Duration, now: OffsetDateTime) -> Result<Option<Due>> {
    let row = sqlx::query!(
        "UPDATE core.bounce_mailbox SET claimed_until = $1::timestamptz + make_interval(secs => $2), updated_at = $1
         WHERE sender_id = (SELECT sender_id FROM core.bounce_mailbox
                            WHERE next_at <= $1 AND (claimed_until IS NULL OR claimed_until < $1)
                            ORDER BY next_at, sender_id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING sender_id, workspace_id, validity, uid, failures",
        now,
        lease.as_secs_f64()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Due {
        sender_id: SenderId(row.sender_id),
        workspace_id: WorkspaceId(row.workspace_id),
        validity: u32::try_from(row.validity).unwrap_or_default(),
        uid: u32::try_from(row.uid).unwrap_or_default(),
        failures: row.failures.unsigned_abs(),
    }))
}

/// Notes how a visit ended, and lets the mailbox go.
///
/// # Errors
/// When the statement fails.
pub async fn visited(connection: &mut PgConnection, sender: SenderId, visited: Visited<'_>, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE core.bounce_mailbox SET validity = $2, uid = $3, next_at = $4, fault = $5, updated_at = $6, claimed_until = NULL,
           failures = CASE WHEN $5 = '' THEN 0 ELSE failures + 1 END
         WHERE sender_id = $1",
        sender.0,
        i64::from(visited.validity),
        i64::from(visited.uid),
        visited.next_at,
        visited.fault,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the mailbox of a sender that names none any more.
///
/// # Errors
/// When the statement fails.
pub async fn forget(connection: &mut PgConnection, sender: SenderId) -> Result<()> {
    sqlx::query!("DELETE FROM core.bounce_mailbox WHERE sender_id = $1", sender.0).execute(connection).await?;
    Ok(())
}
