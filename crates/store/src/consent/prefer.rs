//! What a preference page changes of the contact itself.

use crate::Result;
use domain::{ContactId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Whether preferences of that time are the contact's newest; from then on none that is no newer is. False also when there is no such
/// contact.
///
/// # Errors
/// When the statement fails.
pub async fn is_newest(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, at: OffsetDateTime) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.contact SET preferences_at = $3
         WHERE workspace_id = $1 AND contact_id = $2 AND (preferences_at IS NULL OR preferences_at < $3)",
        workspace.0,
        contact.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets a contact's locale.
///
/// # Errors
/// When the statement fails.
pub async fn set_locale(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    locale: &str,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.contact SET locale = $3, updated_at = $4 WHERE workspace_id = $1 AND contact_id = $2",
        workspace.0,
        contact.0,
        locale,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
