//! Calls that carry a request id: a repeated call is answered with the object of the first.

use crate::Result;
use domain::WorkspaceId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Claims a request id for an object that this transaction is about to create. None: the id is new, go on. Some: an earlier
/// call created that object. A call with the same id that is still under way is waited for; an empty id claims nothing.
///
/// # Errors
/// When a statement fails.
pub async fn claim(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    method: &str,
    request_id: &str,
    object_id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<Uuid>> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let claimed = sqlx::query!(
        "INSERT INTO core.request (workspace_id, method, request_id, object_id, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace_id, method, request_id) DO NOTHING",
        workspace.0,
        method,
        request_id,
        object_id,
        now
    )
    .execute(&mut *connection)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    let first = sqlx::query_scalar!(
        "SELECT object_id FROM core.request WHERE workspace_id = $1 AND method = $2 AND request_id = $3",
        workspace.0,
        method,
        request_id
    )
    .fetch_one(connection)
    .await?;
    Ok(Some(first))
}

/// Claims a request id for a call that makes no object but answers with a number. None: the id is new; [`answer`] keeps what comes
/// out of it, in the same transaction. Some: what the first call came to. Waits and is empty as with [`claim`].
///
/// # Errors
/// When a statement fails.
pub async fn claim_number(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    method: &str,
    request_id: &str,
    now: OffsetDateTime,
) -> Result<Option<u64>> {
    let first = claim(connection, workspace, method, request_id, Uuid::nil(), now).await?;
    Ok(first.map(|kept| kept.as_u64_pair().1))
}

/// Keeps the number that a call came to, whose id this transaction has claimed.
///
/// # Errors
/// When the statement fails.
pub async fn answer(connection: &mut PgConnection, workspace: WorkspaceId, method: &str, request_id: &str, number: u64) -> Result<()> {
    sqlx::query!(
        "UPDATE core.request SET object_id = $4 WHERE workspace_id = $1 AND method = $2 AND request_id = $3",
        workspace.0,
        method,
        request_id,
        Uuid::from_u64_pair(0, number)
    )
    .execute(connection)
    .await?;
    Ok(())
}
