//! Lists: named sets of contacts that people manage. Those that campaigns own are hidden here, see [`crate::freeze`] and [`copy`].

pub mod copy;

use crate::{Result, page::Page};
use domain::{ContactId, ListId, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// A list. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List {
    #[serde(skip)]
    pub list_id: ListId,
    pub name: String,
    #[serde(with = "rfc3339::option")]
    pub archived_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub member_count: i64,
    /// See [`crate::consent::list`].
    #[serde(skip)]
    pub double_opt_in: bool,
}

/// Adds a list.
///
/// # Errors
/// `list_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, list: &List) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.list (list_id, workspace_id, name, archived_at, created_at) VALUES ($1, $2, $3, $4, $5)",
        list.list_id.0,
        workspace.0,
        list.name,
        list.archived_at,
        list.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A list of one workspace, its members counted.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId) -> Result<Option<List>> {
    Ok(sqlx::query_as!(
        List,
        r#"SELECT list_id, name, archived_at, created_at, double_opt_in,
               (SELECT count(*) FROM core.list_member m WHERE m.list_id = l.list_id) AS "member_count!"
           FROM core.list l WHERE workspace_id = $1 AND list_id = $2 AND kind = 'list'"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Locks a list until the transaction ends, so that two edits follow one another. Answers whether it is archived; None when there is no
/// such list.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId) -> Result<Option<bool>> {
    // Leaves those alone who only add members.
    Ok(sqlx::query_scalar!(
        r#"SELECT archived_at IS NOT NULL AS "archived!" FROM core.list
           WHERE workspace_id = $1 AND list_id = $2 AND kind = 'list' FOR NO KEY UPDATE"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// A page of lists, oldest first, their members counted.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, include_archived: bool, page: Page) -> Result<Vec<List>> {
    Ok(sqlx::query_as!(
        List,
        r#"SELECT list_id, name, archived_at, created_at, double_opt_in,
               (SELECT count(*) FROM core.list_member m WHERE m.list_id = l.list_id) AS "member_count!"
           FROM core.list l
           WHERE workspace_id = $1 AND kind = 'list' AND ($2::uuid IS NULL OR list_id > $2) AND ($3 OR archived_at IS NULL)
           ORDER BY list_id LIMIT $4"#,
        workspace.0,
        page.after,
        include_archived,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// Writes a list's name and whether it is archived. Returns whether it is there.
///
/// # Errors
/// `list_name` when the workspace has another of that name.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, list: &List) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.list SET name = $3, archived_at = $4 WHERE workspace_id = $1 AND list_id = $2",
        workspace.0,
        list.list_id.0,
        list.name,
        list.archived_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Which of these are no lists of the workspace, or are archived.
///
/// # Errors
/// When the statement fails.
pub async fn closed(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[ListId]) -> Result<Vec<ListId>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let closed = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM unnest($2::uuid[]) AS id
           WHERE NOT EXISTS (SELECT FROM core.list l WHERE l.list_id = id AND l.workspace_id = $1 AND l.kind = 'list'
                             AND l.archived_at IS NULL)"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(closed.into_iter().map(ListId).collect())
}

/// Which of these are no contacts of the workspace.
///
/// # Errors
/// When the statement fails.
pub async fn strangers(connection: &mut PgConnection, workspace: WorkspaceId, contacts: &[Uuid]) -> Result<Vec<ContactId>> {
    let strangers = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM unnest($2::uuid[]) AS id
           WHERE NOT EXISTS (SELECT FROM core.contact c WHERE c.contact_id = id AND c.workspace_id = $1)"#,
        workspace.0,
        contacts
    )
    .fetch_all(connection)
    .await?;
    Ok(strangers.into_iter().map(ContactId).collect())
}

/// Makes contacts members; those who are stay so, and those who aren't the workspace's are left out. Answers how many are new.
///
/// # Errors
/// When the statement fails.
pub async fn add_members(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    list: ListId,
    contacts: &[Uuid],
    now: OffsetDateTime,
) -> Result<u64> {
    // Rows in one order, so that two such statements can't wait for each other. Each contact by its id: by the statistics of a table that
    // grows, all of the workspace's may look like fewer. For the same reason planned anew each time.
    let done = sqlx::query!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT $2, c.contact_id, $1, $4 FROM unnest($3::uuid[]) AS id CROSS JOIN LATERAL (
             SELECT contact_id FROM core.contact WHERE workspace_id = $1 AND contact_id = id OFFSET 0) AS c
         ORDER BY c.contact_id
         ON CONFLICT (list_id, contact_id) DO NOTHING",
        workspace.0,
        list.0,
        contacts,
        now
    )
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Takes contacts out of a list. Answers how many were members.
///
/// # Errors
/// When the statement fails.
pub async fn remove_members(connection: &mut PgConnection, workspace: WorkspaceId, list: ListId, contacts: &[Uuid]) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM core.list_member WHERE workspace_id = $1 AND list_id = $2 AND contact_id = ANY($3)",
        workspace.0,
        list.0,
        contacts
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
