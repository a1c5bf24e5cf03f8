//! Files that e-mails carry. A file never changes, so whoever has read one may keep it.

use crate::{Result, page::Page};
use domain::{AttachmentId, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A file without its bytes. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    #[serde(skip)]
    pub attachment_id: AttachmentId,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i32,
    /// 32 bytes.
    #[serde(skip)]
    pub sha256: Vec<u8>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
}

/// How much a workspace has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub files: i64,
    pub bytes: i64,
}

/// Adds a file.
///
/// # Errors
/// When the statement fails.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, attachment: &Attachment, bytes: &[u8]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.attachment (attachment_id, workspace_id, name, media_type, size_bytes, sha256, bytes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        attachment.attachment_id.0,
        workspace.0,
        attachment.name,
        attachment.media_type,
        attachment.size_bytes,
        attachment.sha256,
        bytes,
        attachment.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A file of one workspace, without its bytes.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: AttachmentId) -> Result<Option<Attachment>> {
    Ok(sqlx::query_as!(
        Attachment,
        "SELECT attachment_id, name, media_type, size_bytes, sha256, created_at FROM core.attachment
         WHERE workspace_id = $1 AND attachment_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// The bytes of a file, with its name and type; None when it is gone, or another workspace's.
///
/// # Errors
/// When the statement fails.
pub async fn content(connection: &mut PgConnection, workspace: WorkspaceId, id: AttachmentId) -> Result<Option<Content>> {
    Ok(sqlx::query_as!(
        Content,
        "SELECT name, media_type, bytes FROM core.attachment WHERE workspace_id = $1 AND attachment_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// A file with its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    pub name: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A page of files, oldest first, without their bytes.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page) -> Result<Vec<Attachment>> {
    Ok(sqlx::query_as!(
        Attachment,
        "SELECT attachment_id, name, media_type, size_bytes, sha256, created_at FROM core.attachment
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR attachment_id > $2) ORDER BY attachment_id LIMIT $3",
        workspace.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// The sizes of those of these files that a workspace has, by id.
///
/// # Errors
/// When the statement fails.
pub async fn sizes(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[Uuid]) -> Result<Vec<(AttachmentId, i32)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "SELECT attachment_id, size_bytes FROM core.attachment WHERE workspace_id = $1 AND attachment_id = ANY($2) FOR KEY SHARE",
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (AttachmentId(row.attachment_id), row.size_bytes)).collect())
}

/// How much a workspace has stored.
///
/// # Errors
/// When the statement fails.
pub async fn usage(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<Usage> {
    Ok(sqlx::query_as!(
        Usage,
        r#"SELECT count(*) AS "files!", coalesce(sum(size_bytes), 0)::bigint AS "bytes!" FROM core.attachment WHERE workspace_id = $1"#,
        workspace.0
    )
    .fetch_one(connection)
    .await?)
}

/// Names of templates of which some version carries a file; at most `limit`.
///
/// # Errors
/// When the statement fails.
pub async fn users(connection: &mut PgConnection, workspace: WorkspaceId, id: AttachmentId, limit: i64) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT t.name FROM core.template t WHERE t.workspace_id = $1
           AND EXISTS (SELECT FROM core.template_version v WHERE v.template_id = t.template_id
                       AND (jsonb_path_query_array(v.content, '$.email.files[*].id') ? $2::text
                            OR jsonb_path_query_array(v.content, '$.translations.*.email.files[*].id') ? $2::text))
         ORDER BY t.template_id LIMIT $3",
        workspace.0,
        id.to_string(),
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Deletes a file.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, workspace: WorkspaceId, id: AttachmentId) -> Result<()> {
    sqlx::query!("DELETE FROM core.attachment WHERE workspace_id = $1 AND attachment_id = $2", workspace.0, id.0)
        .execute(connection)
        .await?;
    Ok(())
}
