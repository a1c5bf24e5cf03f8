//! Files of contacts: what became of each import, the rows that had problems, and what an export needs to know beforehand.

mod problems;

pub use problems::{KEPT_FOR, MAX_KEPT, Problem, Problems, drop_old, keep, kept};

use super::import::Policy;
use crate::{Result, page::Page};
use domain::{ListId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// An import that begins.
#[derive(Debug)]
pub struct Begun<'a> {
    pub import_id: Uuid,
    pub file_name: &'a str,
    pub list: Option<ListId>,
    pub policy: Policy,
    pub is_dry_run: bool,
    pub created_by: &'a str,
}

/// How far an import is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// `csv` or `ndjson`; empty when that isn't known yet.
    pub format: String,
    pub encoding: String,
    /// Of CSV.
    pub delimiter: String,
    pub rows: i64,
    pub created: i64,
    pub updated: i64,
    pub skipped: i64,
    pub rejected: i64,
    pub with_problems: i64,
    /// Of the file, read so far.
    pub bytes: i64,
    /// Problems that were found, and those of them that are kept.
    pub problems: i64,
    pub problems_kept: i64,
}

/// An import as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub import_id: Uuid,
    pub file_name: String,
    pub list_id: Option<Uuid>,
    pub match_by: String,
    pub on_match: String,
    pub is_dry_run: bool,
    /// `running`, `completed` or `failed`.
    pub status: String,
    pub detail: String,
    pub progress: Progress,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

/// Adds an import that has read nothing yet.
///
/// # Errors
/// When the statement fails.
pub async fn begin(connection: &mut PgConnection, workspace: WorkspaceId, begun: &Begun<'_>, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.contact_import (import_id, workspace_id, file_name, list_id, match_by, on_match, is_dry_run, created_by,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        begun.import_id,
        workspace.0,
        begun.file_name,
        begun.list.map(|list| list.0),
        begun.policy.match_by.name(),
        begun.policy.on_match.name(),
        begun.is_dry_run,
        begun.created_by,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down how far an import is.
///
/// # Errors
/// When the statement fails.
pub async fn progress(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    to: &Progress,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.contact_import SET format = $3, encoding = $4, delimiter = $5, rows = $6, created = $7, updated = $8, skipped = $9,
             rejected = $10, with_problems = $11, bytes = $12, problems = $13, problems_kept = $14, updated_at = $15
         WHERE workspace_id = $1 AND import_id = $2",
        workspace.0,
        import_id,
        to.format,
        to.encoding,
        to.delimiter,
        to.rows,
        to.created,
        to.updated,
        to.skipped,
        to.rejected,
        to.with_problems,
        to.bytes,
        to.problems,
        to.problems_kept,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends an import: completed, or failed with the reason.
///
/// # Errors
/// When the statement fails.
pub async fn finish(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    failure: Option<&str>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.contact_import SET status = CASE WHEN $3::text IS NULL THEN 'completed' ELSE 'failed' END, detail = coalesce($3, ''),
             updated_at = $4, finished_at = $4
         WHERE workspace_id = $1 AND import_id = $2",
        workspace.0,
        import_id,
        failure,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Row {
    import_id: Uuid,
    file_name: String,
    list_id: Option<Uuid>,
    match_by: String,
    on_match: String,
    is_dry_run: bool,
    format: String,
    encoding: String,
    delimiter: String,
    status: String,
    detail: String,
    rows: i64,
    created: i64,
    updated: i64,
    skipped: i64,
    rejected: i64,
    with_problems: i64,
    bytes: i64,
    problems: i64,
    problems_kept: i64,
    created_by: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
}

impl From<Row> for Import {
    fn from(row: Row) -> Self {
        let progress = Progress {
            format: row.format,
            encoding: row.encoding,
            delimiter: row.delimiter,
            rows: row.rows,
            created: row.created,
            updated: row.updated,
            skipped: row.skipped,
            rejected: row.rejected,
            with_problems: row.with_problems,
            bytes: row.bytes,
            problems: row.problems,
            problems_kept: row.problems_kept,
        };
        Self {
            import_id: row.import_id,
            file_name: row.file_name,
            list_id: row.list_id,
            match_by: row.match_by,
            on_match: row.on_match,
            is_dry_run: row.is_dry_run,
            status: row.status,
            detail: row.detail,
            progress,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        }
    }
}

/// An import of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, import_id: Uuid) -> Result<Option<Import>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT import_id, file_name, list_id, match_by, on_match, is_dry_run, format, encoding, delimiter, status, detail, rows, created,
             updated, skipped, rejected, with_problems, bytes, problems, problems_kept, created_by, created_at, updated_at, finished_at
         FROM core.contact_import WHERE workspace_id = $1 AND import_id = $2",
        workspace.0,
        import_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Import::from))
}

/// A page of imports, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page) -> Result<Vec<Import>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT import_id, file_name, list_id, match_by, on_match, is_dry_run, format, encoding, delimiter, status, detail, rows, created,
             updated, skipped, rejected, with_problems, bytes, problems, problems_kept, created_by, created_at, updated_at, finished_at
         FROM core.contact_import WHERE workspace_id = $1 AND ($2::uuid IS NULL OR import_id > $2) ORDER BY import_id LIMIT $3",
        workspace.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Import::from).collect())
}

/// The names of attributes that contacts have, in order, of all or of a list's members; at most `limit` of them.
///
/// # Errors
/// When the statement fails.
pub async fn attribute_names(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    list: Option<ListId>,
    limit: i64,
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT key AS "key!" FROM core.contact c CROSS JOIN LATERAL jsonb_object_keys(c.attributes) AS key
           WHERE c.workspace_id = $1 AND c.attributes <> '{}'
             AND ($2::uuid IS NULL OR EXISTS (SELECT FROM core.list_member m WHERE m.list_id = $2 AND m.contact_id = c.contact_id))
           ORDER BY 1 LIMIT $3"#,
        workspace.0,
        list.map(|list| list.0),
        limit
    )
    .fetch_all(connection)
    .await?)
}
