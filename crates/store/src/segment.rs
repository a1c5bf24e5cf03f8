//! Segments: saved filters over contacts. [`compile`] turns a filter into SQL; what uses it is [`members`], and [`crate::audience`] for those
//! of a campaign.

pub(crate) mod compile;
mod members;

pub use members::{Counted, count, holds, page};

use crate::{Error, Result, page::Page};
use domain::{SegmentId, WorkspaceId, campaign::SegmentFacts, filter::Filter};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// A segment. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    #[serde(skip)]
    pub segment_id: SegmentId,
    pub name: String,
    pub description: String,
    pub filter: Filter,
    /// Counts the edits, from 1.
    pub revision: i32,
    #[serde(with = "rfc3339::option")]
    pub archived_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub updated_at: OffsetDateTime,
}

struct Row {
    segment_id: Uuid,
    name: String,
    description: String,
    filter: Json<serde_json::Value>,
    revision: i32,
    archived_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for Segment {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            segment_id: row.segment_id.into(),
            name: row.name,
            description: row.description,
            filter: read_filter(row.filter.0)?,
            revision: row.revision,
            archived_at: row.archived_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A filter as it is stored.
pub(crate) fn read_filter(stored: serde_json::Value) -> Result<Filter> {
    serde_json::from_value(stored).map_err(|error| Error::Corrupt { what: "segment filter", reason: error.to_string() })
}

/// Adds a segment.
///
/// # Errors
/// `segment_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, segment: &Segment) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.segment (segment_id, workspace_id, name, description, filter, revision, archived_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        segment.segment_id.0,
        workspace.0,
        segment.name,
        segment.description,
        Json(&segment.filter) as _,
        segment.revision,
        segment.archived_at,
        segment.created_at,
        segment.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A segment of one workspace.
///
/// # Errors
/// When the statement fails, or its filter can't be read.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: SegmentId) -> Result<Option<Segment>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT segment_id, name, description, filter AS "filter: Json<serde_json::Value>", revision, archived_at, created_at, updated_at
           FROM core.segment WHERE workspace_id = $1 AND segment_id = $2"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Segment::try_from).transpose()
}

/// A segment of one workspace, locked until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// As [`get`].
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: SegmentId) -> Result<Option<Segment>> {
    sqlx::query!("SELECT segment_id FROM core.segment WHERE workspace_id = $1 AND segment_id = $2 FOR NO KEY UPDATE", workspace.0, id.0)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, workspace, id).await
}

/// A page of segments, oldest first.
///
/// # Errors
/// As [`get`].
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, include_archived: bool, page: Page) -> Result<Vec<Segment>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT segment_id, name, description, filter AS "filter: Json<serde_json::Value>", revision, archived_at, created_at, updated_at
           FROM core.segment
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR segment_id > $2) AND ($3 OR archived_at IS NULL)
           ORDER BY segment_id LIMIT $4"#,
        workspace.0,
        page.after,
        include_archived,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Segment::try_from).collect()
}

/// Writes all that may be edited of a segment. Returns whether it is there.
///
/// # Errors
/// `segment_name` when the workspace has another of that name.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, segment: &Segment) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.segment SET name = $3, description = $4, filter = $5, revision = $6, archived_at = $7, updated_at = $8
         WHERE workspace_id = $1 AND segment_id = $2",
        workspace.0,
        segment.segment_id.0,
        segment.name,
        segment.description,
        Json(&segment.filter) as _,
        segment.revision,
        segment.archived_at,
        segment.updated_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The filters of segments of one workspace, as they are now; what isn't there is left out.
///
/// # Errors
/// When the statement fails, or a filter can't be read.
pub async fn filters(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[SegmentId]) -> Result<BTreeMap<SegmentId, Filter>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT segment_id, filter AS "filter: Json<serde_json::Value>" FROM core.segment WHERE workspace_id = $1 AND segment_id = ANY($2)"#,
        workspace.0,
        &ids.iter().map(|id| id.0).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((row.segment_id.into(), read_filter(row.filter.0)?))).collect()
}

/// What campaigns need to know of their segments.
pub(crate) async fn facts(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[Uuid],
) -> Result<BTreeMap<SegmentId, SegmentFacts>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT segment_id, archived_at IS NOT NULL AS "archived!" FROM core.segment WHERE workspace_id = $1 AND segment_id = ANY($2)"#,
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.segment_id.into(), SegmentFacts { archived: row.archived })).collect())
}

/// Which of these are no lists and no campaigns of the workspace.
///
/// # Errors
/// When the statement fails.
pub async fn strangers(connection: &mut PgConnection, workspace: WorkspaceId, lists: &[Uuid], campaigns: &[Uuid]) -> Result<Vec<Uuid>> {
    if lists.is_empty() && campaigns.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM unnest($2::uuid[]) AS id
           WHERE NOT EXISTS (SELECT FROM core.list l WHERE l.list_id = id AND l.workspace_id = $1 AND l.kind = 'list')
           UNION ALL
           SELECT id FROM unnest($3::uuid[]) AS id
           WHERE NOT EXISTS (SELECT FROM core.campaign c WHERE c.campaign_id = id AND c.workspace_id = $1)"#,
        workspace.0,
        lists,
        campaigns
    )
    .fetch_all(connection)
    .await?)
}
