//! Who matches a filter.

use super::compile::{Scope, Sql, condition};
use crate::Result;
use domain::{ContactId, WorkspaceId, filter::Filter};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Of a workspace's contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub matching: u64,
    pub all: u64,
}

/// Counts who matches as of `now`, in one pass over the workspace's contacts.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId, filter: &Filter, now: OffsetDateTime) -> Result<Counted> {
    crate::audience::make_room(&mut *connection).await?;
    let mut sql = Sql::new("SELECT count(*) FILTER (WHERE ");
    condition(&mut sql, filter, "c", Scope { workspace, now });
    sql.push("), count(*) FROM core.contact c WHERE c.workspace_id = ").push_bind(workspace.0);
    let (matching, all): (i64, i64) = sql.build_query_as().persistent(false).fetch_one(connection).await?;
    Ok(Counted { matching: matching.unsigned_abs(), all: all.unsigned_abs() })
}

/// The next `limit` contacts after `after` who match as of `now`, in order of their ids.
///
/// # Errors
/// When the statement fails.
pub async fn page(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    now: OffsetDateTime,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let mut sql = Sql::new("SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = ");
    sql.push_bind(workspace.0).push(" AND c.contact_id > ").push_bind(after.unwrap_or_default()).push(" AND ");
    condition(&mut sql, filter, "c", Scope { workspace, now });
    sql.push(" ORDER BY c.contact_id LIMIT ").push_bind(limit);
    Ok(sql.build_query_scalar().persistent(false).fetch_all(connection).await?)
}

/// Whether one contact matches as of `now`; false when there is no such contact.
///
/// # Errors
/// When the statement fails.
pub async fn holds(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    contact: ContactId,
    now: OffsetDateTime,
) -> Result<bool> {
    let mut sql = Sql::new("SELECT EXISTS (SELECT FROM core.contact c WHERE c.workspace_id = ");
    sql.push_bind(workspace.0).push(" AND c.contact_id = ").push_bind(contact.0).push(" AND ");
    condition(&mut sql, filter, "c", Scope { workspace, now });
    sql.push(")");
    Ok(sql.build_query_scalar().persistent(false).fetch_one(connection).await?)
}
