//! Files that providers keep and send by id: what lies behind which link, and until when the provider has it.

use crate::Result;
use domain::{SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A file as the provider has it.
#[derive(Debug, Clone)]
pub struct Kept<'a> {
    pub sha256: &'a [u8],
    pub provider_id: &'a str,
    pub media_type: &'a str,
    pub size_bytes: i64,
    pub expires_at: OffsetDateTime,
}

/// The provider's id of what lies behind a link, if it was looked at lately and the provider keeps it for longer than `until`.
///
/// # Errors
/// When the statement fails.
pub async fn of_link(
    connection: &mut PgConnection,
    sender: SenderId,
    link_sha256: &[u8],
    now: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT m.provider_id FROM core.provider_media_link l JOIN core.provider_media m USING (sender_id, sha256)
         WHERE l.sender_id = $1 AND l.link_sha256 = $2 AND l.fresh_until > $3 AND m.expires_at > $4",
        sender.0,
        link_sha256,
        now,
        until
    )
    .fetch_optional(connection)
    .await?)
}

/// The provider's id of a file, if it keeps it for longer than `until`.
///
/// # Errors
/// When the statement fails.
pub async fn of_file(connection: &mut PgConnection, sender: SenderId, sha256: &[u8], until: OffsetDateTime) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT provider_id FROM core.provider_media WHERE sender_id = $1 AND sha256 = $2 AND expires_at > $3",
        sender.0,
        sha256,
        until
    )
    .fetch_optional(connection)
    .await?)
}

/// Notes that the provider has a file; of two that were left at once the one that stays longer.
///
/// # Errors
/// When the statement fails.
pub async fn keep(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, kept: &Kept<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.provider_media AS m (sender_id, sha256, workspace_id, provider_id, media_type, size_bytes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (sender_id, sha256) DO UPDATE SET provider_id = EXCLUDED.provider_id, expires_at = EXCLUDED.expires_at
         WHERE m.expires_at < EXCLUDED.expires_at",
        sender.0,
        kept.sha256,
        workspace.0,
        kept.provider_id,
        kept.media_type,
        kept.size_bytes,
        kept.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what lies behind a link, until it is to be looked at again.
///
/// # Errors
/// When the statement fails.
pub async fn link(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    link_sha256: &[u8],
    sha256: &[u8],
    fresh_until: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.provider_media_link (sender_id, link_sha256, workspace_id, sha256, fresh_until) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sender_id, link_sha256) DO UPDATE SET sha256 = EXCLUDED.sha256, fresh_until = EXCLUDED.fresh_until",
        sender.0,
        link_sha256,
        workspace.0,
        sha256,
        fresh_until
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets files that the provider doesn't keep any more, and links that nobody asked about for a month; a bounded number.
///
/// # Errors
/// When a statement fails.
pub async fn forget(connection: &mut PgConnection, sender: SenderId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("DELETE FROM core.provider_media WHERE sender_id = $1 AND expires_at < $2", sender.0, now)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "DELETE FROM core.provider_media_link WHERE sender_id = $1 AND fresh_until < $2::timestamptz - interval '30 days'",
        sender.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
