//! Which addresses are somebody's.

use crate::Result;
use domain::{Channel, WorkspaceId};
use sqlx::PgConnection;

/// Those of these addresses that some contact of the workspace has on that channel. Keep them to a few thousand a call.
///
/// # Errors
/// When the statement fails.
pub async fn of_contacts(connection: &mut PgConnection, workspace: WorkspaceId, channel: Channel, keys: &[String]) -> Result<Vec<String>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = if channel.uses_phone() {
        sqlx::query_scalar!(
            r#"SELECT DISTINCT phone_key AS "key!" FROM core.contact WHERE workspace_id = $1 AND phone_key = ANY($2)"#,
            workspace.0,
            keys
        )
        .fetch_all(connection)
        .await?
    } else {
        sqlx::query_scalar!(
            r#"SELECT DISTINCT email_key AS "key!" FROM core.contact WHERE workspace_id = $1 AND email_key = ANY($2)"#,
            workspace.0,
            keys
        )
        .fetch_all(connection)
        .await?
    };
    Ok(found)
}
