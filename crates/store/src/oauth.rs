//! Accounts that are being connected in the browser: from asking a person to choosing an account. Secrets are stored sealed; this module
//! never opens them.

use crate::Result;
use domain::{SenderId, WorkspaceId};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long what was begun is kept, whatever became of it.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// One attempt to connect an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    pub connect_id: Uuid,
    pub workspace_id: WorkspaceId,
    pub sender_id: SenderId,
    /// Who began it.
    pub actor: String,
    /// State and verifier, sealed with the 16 bytes of the id as additional data.
    pub sealed: Vec<u8>,
    /// Where the network sends the browser.
    pub redirect_url: String,
    pub created_at: OffsetDateTime,
    /// Until then the browser may come back.
    pub expires_at: OffsetDateTime,
    /// When it did.
    pub came_at: Option<OffsetDateTime>,
    /// The network's tokens, sealed likewise, until an account is chosen.
    pub sealed_tokens: Option<Vec<u8>>,
    /// Why the network gave none; empty when nothing went wrong.
    pub failure: String,
    pub finished_at: Option<OffsetDateTime>,
}

struct Row {
    connect_id: Uuid,
    workspace_id: Uuid,
    sender_id: Uuid,
    actor: String,
    sealed: Vec<u8>,
    redirect_url: String,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    came_at: Option<OffsetDateTime>,
    sealed_tokens: Option<Vec<u8>>,
    failure: String,
    finished_at: Option<OffsetDateTime>,
}

impl From<Row> for Connect {
    fn from(row: Row) -> Self {
        Self {
            connect_id: row.connect_id,
            workspace_id: row.workspace_id.into(),
            sender_id: row.sender_id.into(),
            actor: row.actor,
            sealed: row.sealed,
            redirect_url: row.redirect_url,
            created_at: row.created_at,
            expires_at: row.expires_at,
            came_at: row.came_at,
            sealed_tokens: row.sealed_tokens,
            failure: row.failure,
            finished_at: row.finished_at,
        }
    }
}

/// Begins an attempt, known by the SHA-256 of its state. What a workspace began long ago goes.
///
/// # Errors
/// When a statement fails.
pub async fn insert(connection: &mut PgConnection, connect: &Connect, state_hash: &[u8; 32]) -> Result<()> {
    sqlx::query!(
        "DELETE FROM core.oauth_connect WHERE workspace_id = $1 AND created_at < $2::timestamptz - make_interval(secs => $3)",
        connect.workspace_id.0,
        connect.created_at,
        KEPT.as_secs_f64()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO core.oauth_connect (connect_id, workspace_id, sender_id, actor, state_hash, sealed, redirect_url, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        connect.connect_id,
        connect.workspace_id.0,
        connect.sender_id.0,
        connect.actor,
        &state_hash[..],
        connect.sealed,
        connect.redirect_url,
        connect.created_at,
        connect.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose attempt a state belongs to. In a transaction of its own: for the rest of it, that row is in sight whatever the workspace.
///
/// # Errors
/// When a statement fails.
pub async fn owner(connection: &mut PgConnection, state_hash: &[u8; 32]) -> Result<Option<(WorkspaceId, Uuid)>> {
    let hex = state_hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    sqlx::query!("SELECT set_config('fanfare.oauth_state', $1, true)", hex).fetch_one(&mut *connection).await?;
    let row = sqlx::query!("SELECT workspace_id, connect_id FROM core.oauth_connect WHERE state_hash = $1", &state_hash[..])
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| (row.workspace_id.into(), row.connect_id)))
}

/// Notes that the browser came back. None: it did so before, or too late.
///
/// # Errors
/// When the statement fails.
pub async fn come(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid, now: OffsetDateTime) -> Result<Option<Connect>> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE core.oauth_connect SET came_at = $3 WHERE workspace_id = $1 AND connect_id = $2 AND came_at IS NULL AND expires_at > $3
         RETURNING connect_id, workspace_id, sender_id, actor, sealed, redirect_url, created_at, expires_at, came_at, sealed_tokens, failure,
             finished_at",
        workspace.0,
        id,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Keeps what the network gave, or why it gave nothing.
///
/// # Errors
/// When the statement fails.
pub async fn keep(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: Uuid,
    sealed_tokens: Option<&[u8]>,
    failure: &str,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.oauth_connect SET sealed_tokens = $3, failure = $4 WHERE workspace_id = $1 AND connect_id = $2 AND finished_at IS NULL",
        workspace.0,
        id,
        sealed_tokens,
        failure
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An attempt of one workspace, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid) -> Result<Option<Connect>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT connect_id, workspace_id, sender_id, actor, sealed, redirect_url, created_at, expires_at, came_at, sealed_tokens, failure,
             finished_at
         FROM core.oauth_connect WHERE workspace_id = $1 AND connect_id = $2 FOR UPDATE",
        workspace.0,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Ends an attempt: its tokens are the sender's now, and kept there alone.
///
/// # Errors
/// When the statement fails.
pub async fn finish(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE core.oauth_connect SET finished_at = $3, sealed_tokens = NULL WHERE workspace_id = $1 AND connect_id = $2",
        workspace.0,
        id,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
