//! The rows of an import that had problems, a batch of them in one row of the table.

use crate::Result;
use domain::WorkspaceId;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Problems of one import that are kept at most.
pub const MAX_KEPT: i64 = 1_000_000;
/// For how long.
pub const KEPT_FOR: Duration = Duration::days(30);

/// Something that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub row: i64,
    /// Empty when it is about the row as a whole.
    pub column: String,
    pub reason: String,
    /// Whether the row was left out.
    pub is_rejected: bool,
}

/// Problems of one batch, column by column.
#[derive(Debug, Default)]
pub struct Problems {
    rows: Vec<i64>,
    columns: Vec<String>,
    reasons: Vec<String>,
    rejected: Vec<bool>,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        self.rows.push(problem.row);
        self.columns.push(problem.column);
        self.reasons.push(problem.reason);
        self.rejected.push(problem.is_rejected);
    }
}

/// Keeps the problems of a batch, if there are any. Positions are in the order of the batches, each its own.
///
/// # Errors
/// When the statement fails.
pub async fn keep(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    position: i32,
    problems: &Problems,
    now: OffsetDateTime,
) -> Result<()> {
    if problems.rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO core.contact_import_problem (import_id, position, workspace_id, created_at, row_numbers, columns, reasons, rejected)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        import_id,
        position,
        workspace.0,
        now,
        &problems.rows,
        &problems.columns,
        &problems.reasons,
        &problems.rejected
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The problems of the next batch after a position (start with −1) and that batch's position; None when there are no more.
///
/// # Errors
/// When the statement fails.
pub async fn kept(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    after: i32,
) -> Result<Option<(i32, Vec<Problem>)>> {
    let row = sqlx::query!(
        "SELECT position, row_numbers, columns, reasons, rejected FROM core.contact_import_problem
         WHERE workspace_id = $1 AND import_id = $2 AND position > $3 ORDER BY position LIMIT 1",
        workspace.0,
        import_id,
        after
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let texts = row.columns.into_iter().zip(row.reasons);
    let problems = row.row_numbers.into_iter().zip(texts).zip(row.rejected);
    let problem = |((row, (column, reason)), is_rejected)| Problem { row, column, reason, is_rejected };
    Ok(Some((row.position, problems.map(problem).collect())))
}

/// Drops the workspace's problems that have been kept for long enough.
///
/// # Errors
/// When the statement fails.
pub async fn drop_old(connection: &mut PgConnection, workspace: WorkspaceId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("DELETE FROM core.contact_import_problem WHERE workspace_id = $1 AND created_at < $2", workspace.0, now - KEPT_FOR)
        .execute(connection)
        .await?;
    Ok(())
}
