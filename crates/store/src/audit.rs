//! Who changed what, and when. Written in the transaction of the change itself; never changed or deleted.

mod read;

pub use read::{Cursor, Filter, Shown, get, list};

use crate::Result;
use domain::WorkspaceId;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// One change of state by a person.
#[derive(Debug)]
pub struct Entry<'a> {
    pub workspace: WorkspaceId,
    /// The subject of the caller's token, or `api_key:` and the key's id.
    pub actor: &'a str,
    /// `campaign.approve`, `sender.create`, …
    pub action: &'a str,
    pub object_type: &'a str,
    pub object_id: Uuid,
    /// What it was; None for something new. Never holds a secret.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub at: OffsetDateTime,
}

/// Adds an entry.
///
/// # Errors
/// When the statement fails.
pub async fn record(connection: &mut PgConnection, entry: Entry<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.audit (workspace_id, actor, action, object_type, object_id, before, after, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.workspace.0,
        entry.actor,
        entry.action,
        entry.object_type,
        entry.object_id.to_string(),
        entry.before,
        entry.after,
        entry.at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub actor: String,
    pub action: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub at: OffsetDateTime,
}

/// What people did to one object, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn of_object(connection: &mut PgConnection, workspace: WorkspaceId, object_type: &str, id: Uuid) -> Result<Vec<Recorded>> {
    Ok(sqlx::query_as!(
        Recorded,
        "SELECT actor, action, before, after, at FROM core.audit
         WHERE workspace_id = $1 AND object_type = $2 AND object_id = $3 ORDER BY audit_id",
        workspace.0,
        object_type,
        id.to_string()
    )
    .fetch_all(connection)
    .await?)
}
