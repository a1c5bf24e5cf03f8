//! Tenants and their settings.

use crate::Result;
use domain::WorkspaceId;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A tenant. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workspace {
    #[serde(skip)]
    pub workspace_id: WorkspaceId,
    pub name: String,
    /// Country calling code, digits only.
    pub default_country_code: String,
    pub phone_strip_prefixes: Vec<String>,
    /// The most contacts that one run may have; positive.
    pub max_recipients: i32,
    pub approval_required: bool,
    pub opt_out_keywords: Vec<String>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
}

/// Adds a workspace.
///
/// # Errors
/// When the statement fails.
pub async fn insert(connection: &mut PgConnection, workspace: &Workspace) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.workspace (workspace_id, name, default_country_code, phone_strip_prefixes, max_recipients, approval_required,
             opt_out_keywords, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        workspace.workspace_id.0,
        workspace.name,
        workspace.default_country_code,
        &workspace.phone_strip_prefixes,
        workspace.max_recipients,
        workspace.approval_required,
        &workspace.opt_out_keywords,
        workspace.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, id: WorkspaceId) -> Result<Option<Workspace>> {
    Ok(sqlx::query_as!(
        Workspace,
        "SELECT workspace_id, name, default_country_code, phone_strip_prefixes, max_recipients, approval_required, opt_out_keywords,
             created_at
         FROM core.workspace WHERE workspace_id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Locks a workspace's settings until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, id: WorkspaceId) -> Result<()> {
    sqlx::query!("SELECT workspace_id FROM core.workspace WHERE workspace_id = $1 FOR UPDATE", id.0).fetch_optional(connection).await?;
    Ok(())
}

/// Writes a workspace's settings. Returns whether it is there.
///
/// # Errors
/// When the statement fails.
pub async fn update(connection: &mut PgConnection, workspace: &Workspace) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.workspace SET name = $2, max_recipients = $3, approval_required = $4, opt_out_keywords = $5 WHERE workspace_id = $1",
        workspace.workspace_id.0,
        workspace.name,
        workspace.max_recipients,
        workspace.approval_required,
        &workspace.opt_out_keywords
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
