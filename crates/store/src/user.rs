//! The people whom a workspace lists: what it says of them goes before what their tokens say.

use crate::{Error, Result, api_key::role, page::Page};
use domain::{UserId, WorkspaceId, role::Role};
use serde::Serialize;
use sqlx::PgConnection;
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// A person. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    #[serde(skip)]
    pub user_id: UserId,
    /// The `sub` of the person's tokens.
    pub subject: String,
    pub name: String,
    pub email: String,
    /// Agent or admin.
    pub role: Role,
    #[serde(with = "rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub updated_at: OffsetDateTime,
}

/// What a workspace says of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub role: Role,
    pub disabled: bool,
}

struct Row {
    user_id: Uuid,
    subject: String,
    name: String,
    email: String,
    role: String,
    disabled_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for User {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            user_id: row.user_id.into(),
            subject: row.subject,
            name: row.name,
            email: row.email,
            role: role(&row.role)?,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Adds a person.
///
/// # Errors
/// `app_user_subject` when the workspace lists that subject already.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, user: &User) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.app_user (user_id, workspace_id, subject, name, email, role, disabled_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        user.user_id.0,
        workspace.0,
        user.subject,
        user.name,
        user.email,
        user.role.as_str(),
        user.disabled_at,
        user.created_at,
        user.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A person of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: UserId) -> Result<Option<User>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, subject, name, email, role, disabled_at, created_at, updated_at
         FROM core.app_user WHERE workspace_id = $1 AND user_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(User::try_from).transpose()
}

/// The same, locked until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: UserId) -> Result<Option<User>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, subject, name, email, role, disabled_at, created_at, updated_at
         FROM core.app_user WHERE workspace_id = $1 AND user_id = $2 FOR UPDATE",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(User::try_from).transpose()
}

/// What a workspace says of a subject; None when it isn't listed.
///
/// # Errors
/// When the statement fails.
pub async fn listed(connection: &mut PgConnection, workspace: WorkspaceId, subject: &str) -> Result<Option<Listed>> {
    let row = sqlx::query!(
        r#"SELECT role, disabled_at IS NOT NULL AS "disabled!" FROM core.app_user WHERE workspace_id = $1 AND subject = $2"#,
        workspace.0,
        subject
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok(Listed { role: role(&row.role)?, disabled: row.disabled })).transpose()
}

/// A page of people, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page) -> Result<Vec<User>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT user_id, subject, name, email, role, disabled_at, created_at, updated_at
         FROM core.app_user WHERE workspace_id = $1 AND ($2::uuid IS NULL OR user_id > $2) ORDER BY user_id LIMIT $3",
        workspace.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(User::try_from).collect()
}

/// How many people a workspace lists.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "users!" FROM core.app_user WHERE workspace_id = $1"#, workspace.0)
        .fetch_one(connection)
        .await?)
}

/// Writes what may change of a person. Returns whether it is there.
///
/// # Errors
/// When the statement fails.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, user: &User) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.app_user SET name = $3, email = $4, role = $5, disabled_at = $6, updated_at = $7
         WHERE workspace_id = $1 AND user_id = $2",
        workspace.0,
        user.user_id.0,
        user.name,
        user.email,
        user.role.as_str(),
        user.disabled_at,
        user.updated_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a person off the list. Returns whether it was there.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, workspace: WorkspaceId, id: UserId) -> Result<bool> {
    let done =
        sqlx::query!("DELETE FROM core.app_user WHERE workspace_id = $1 AND user_id = $2", workspace.0, id.0).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}
