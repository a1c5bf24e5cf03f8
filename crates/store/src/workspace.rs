//! Tenants and their settings.

mod consent;
mod rules;

pub use consent::ConsentSettings;
pub use rules::{FrequencyCap, clock};

use crate::{Result, tracking};
use domain::{WorkspaceId, gate::QuietHours, tracking::WorkspaceTracking};
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
    /// Whether an admin may approve what they have submitted themselves.
    pub self_approval: bool,
    pub opt_out_keywords: Vec<String>,
    /// IANA zone, for contacts whose own isn't known.
    pub timezone: String,
    #[serde(serialize_with = "rules::in_words")]
    pub quiet_hours: Option<QuietHours>,
    /// At most one for each channel, and one over all.
    pub frequency_caps: Vec<FrequencyCap>,
    pub tracking: WorkspaceTracking,
    pub consent: ConsentSettings,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
}

/// Adds a workspace.
///
/// # Errors
/// When a statement fails.
pub async fn insert(connection: &mut PgConnection, workspace: &Workspace) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.workspace (workspace_id, name, default_country_code, phone_strip_prefixes, max_recipients, approval_required,
             opt_out_keywords, created_at, timezone, quiet_start, quiet_end, self_approval)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        workspace.workspace_id.0,
        workspace.name,
        workspace.default_country_code,
        &workspace.phone_strip_prefixes,
        workspace.max_recipients,
        workspace.approval_required,
        &workspace.opt_out_keywords,
        workspace.created_at,
        workspace.timezone,
        workspace.quiet_hours.map(|quiet| quiet.start),
        workspace.quiet_hours.map(|quiet| quiet.end),
        workspace.self_approval
    )
    .execute(&mut *connection)
    .await?;
    tracking::put(connection, workspace.workspace_id, &workspace.tracking).await?;
    consent::put(connection, workspace.workspace_id, &workspace.consent).await?;
    rules::replace_caps(connection, workspace.workspace_id, &workspace.frequency_caps).await
}

/// A workspace.
///
/// # Errors
/// When a statement fails.
pub async fn get(connection: &mut PgConnection, id: WorkspaceId) -> Result<Option<Workspace>> {
    let row = sqlx::query!(
        "SELECT workspace_id, name, default_country_code, phone_strip_prefixes, max_recipients, approval_required, opt_out_keywords,
             created_at, timezone, quiet_start, quiet_end, self_approval
         FROM core.workspace WHERE workspace_id = $1",
        id.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Workspace {
        workspace_id: row.workspace_id.into(),
        name: row.name,
        default_country_code: row.default_country_code,
        phone_strip_prefixes: row.phone_strip_prefixes,
        max_recipients: row.max_recipients,
        approval_required: row.approval_required,
        self_approval: row.self_approval,
        opt_out_keywords: row.opt_out_keywords,
        timezone: row.timezone,
        quiet_hours: row.quiet_start.zip(row.quiet_end).map(|(start, end)| QuietHours { start, end }),
        frequency_caps: rules::caps(connection, id).await?,
        tracking: tracking::get(connection, id).await?,
        consent: consent::get(connection, id).await?,
        created_at: row.created_at,
    }))
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
/// When a statement fails.
pub async fn update(connection: &mut PgConnection, workspace: &Workspace) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.workspace SET name = $2, max_recipients = $3, approval_required = $4, opt_out_keywords = $5, timezone = $6,
             quiet_start = $7, quiet_end = $8, self_approval = $9
         WHERE workspace_id = $1",
        workspace.workspace_id.0,
        workspace.name,
        workspace.max_recipients,
        workspace.approval_required,
        &workspace.opt_out_keywords,
        workspace.timezone,
        workspace.quiet_hours.map(|quiet| quiet.start),
        workspace.quiet_hours.map(|quiet| quiet.end),
        workspace.self_approval
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    tracking::put(connection, workspace.workspace_id, &workspace.tracking).await?;
    consent::put(connection, workspace.workspace_id, &workspace.consent).await?;
    rules::replace_caps(connection, workspace.workspace_id, &workspace.frequency_caps).await?;
    Ok(true)
}
