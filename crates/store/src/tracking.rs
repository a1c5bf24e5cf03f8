//! How a workspace and a campaign want the links of messages followed.

use crate::{Error, Result};
use domain::{
    RunId, WorkspaceId,
    tracking::{CampaignTracking, WorkspaceTracking},
};
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, types::Json};

/// A workspace's settings; the defaults when it has set nothing.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<WorkspaceTracking> {
    let stored = sqlx::query_scalar!(
        r#"SELECT settings AS "settings: Json<WorkspaceTracking>" FROM core.tracking WHERE workspace_id = $1"#,
        workspace.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(stored.map(|Json(settings)| settings).unwrap_or_default())
}

/// Keeps a workspace's settings.
///
/// # Errors
/// When the statement fails.
pub async fn put(connection: &mut PgConnection, workspace: WorkspaceId, settings: &WorkspaceTracking) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.tracking AS t (workspace_id, settings) VALUES ($1, $2)
         ON CONFLICT (workspace_id) DO UPDATE SET settings = excluded.settings WHERE t.settings <> excluded.settings",
        workspace.0,
        Json(settings) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the workspace and the campaign of a run say; None when there is no such run.
///
/// # Errors
/// When the statement fails.
pub async fn of_run(connection: &mut PgConnection, run: RunId) -> Result<Option<(WorkspaceTracking, CampaignTracking)>> {
    let row = sqlx::query!(
        r#"SELECT coalesce(t.settings, '{}') AS "workspace!", c.tracking AS campaign
           FROM send.run r JOIN core.campaign c USING (campaign_id) LEFT JOIN core.tracking t ON t.workspace_id = r.workspace_id
           WHERE r.run_id = $1"#,
        run.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((read(row.workspace)?, read(row.campaign)?))).transpose()
}

fn read<T: DeserializeOwned>(stored: serde_json::Value) -> Result<T> {
    serde_json::from_value(stored).map_err(|error| Error::Corrupt { what: "tracking settings", reason: error.to_string() })
}
