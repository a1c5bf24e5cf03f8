//! Templates, in versions: a version is never changed once it is written.

mod history;

pub use history::{Use, Version, uses, versions};

use crate::{Result, page::Page};
use domain::{TemplateId, WorkspaceId, content::TemplateContent};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A template in one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub template_id: TemplateId,
    pub name: String,
    /// From 1.
    pub version: i32,
    pub content: TemplateContent,
    pub created_at: OffsetDateTime,
    /// When this version was written.
    pub updated_at: OffsetDateTime,
    /// Since when it is put away.
    pub archived_at: Option<OffsetDateTime>,
}

/// A template without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub template_id: TemplateId,
    pub name: String,
    /// The newest version.
    pub version: i32,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub archived_at: Option<OffsetDateTime>,
}

/// Adds a template with its first version.
///
/// # Errors
/// `template_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, template: &Template, author: &str) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.template (template_id, workspace_id, name, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
        template.template_id.0,
        workspace.0,
        template.name,
        template.version,
        template.created_at,
        template.updated_at
    )
    .execute(&mut *connection)
    .await?;
    insert_version(connection, workspace, template, author).await
}

async fn insert_version(connection: &mut PgConnection, workspace: WorkspaceId, template: &Template, author: &str) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6)",
        template.template_id.0,
        template.version,
        workspace.0,
        Json(&template.content) as _,
        template.updated_at,
        author
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Row {
    template_id: Uuid,
    name: String,
    version: i32,
    content: Json<TemplateContent>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    archived_at: Option<OffsetDateTime>,
}

/// A template of one workspace, in the version asked for or the newest.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: TemplateId, version: Option<i32>) -> Result<Option<Template>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT t.template_id, t.name, v.version, v.content AS "content: Json<TemplateContent>", t.created_at, v.created_at AS updated_at,
                  t.archived_at
           FROM core.template t
           JOIN core.template_version v ON v.template_id = t.template_id AND v.version = coalesce($3, t.version)
           WHERE t.workspace_id = $1 AND t.template_id = $2"#,
        workspace.0,
        id.0,
        version
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Template {
        template_id: row.template_id.into(),
        name: row.name,
        version: row.version,
        content: row.content.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
        archived_at: row.archived_at,
    }))
}

/// Locks a template until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: TemplateId) -> Result<()> {
    sqlx::query!("SELECT template_id FROM core.template WHERE workspace_id = $1 AND template_id = $2 FOR NO KEY UPDATE", workspace.0, id.0)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// Whether a workspace has a template.
///
/// # Errors
/// When the statement fails.
pub async fn exists(connection: &mut PgConnection, workspace: WorkspaceId, id: TemplateId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM core.template WHERE workspace_id = $1 AND template_id = $2) AS "exists!""#,
        workspace.0,
        id.0
    )
    .fetch_one(connection)
    .await?)
}

/// A page of templates, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, include_archived: bool, page: Page) -> Result<Vec<Summary>> {
    Ok(sqlx::query_as!(
        Summary,
        "SELECT template_id, name, version, created_at, updated_at, archived_at FROM core.template
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR template_id > $2) AND ($4 OR archived_at IS NULL)
         ORDER BY template_id LIMIT $3",
        workspace.0,
        page.after,
        page.limit(),
        include_archived
    )
    .fetch_all(connection)
    .await?)
}

/// Writes a template's name and whether it is put away; its versions stay as they are.
///
/// # Errors
/// `template_name` when the workspace has another of that name.
pub async fn set(connection: &mut PgConnection, workspace: WorkspaceId, template: &Template, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE core.template SET name = $3, archived_at = $4, updated_at = $5 WHERE workspace_id = $1 AND template_id = $2",
        workspace.0,
        template.template_id.0,
        template.name,
        template.archived_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the next version, which the caller has numbered under [`lock`].
///
/// # Errors
/// `template_name` when the workspace has another of that name.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, template: &Template, author: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE core.template SET name = $3, version = $4, updated_at = $5, archived_at = $6 WHERE workspace_id = $1 AND template_id = $2",
        workspace.0,
        template.template_id.0,
        template.name,
        template.version,
        template.updated_at,
        template.archived_at
    )
    .execute(&mut *connection)
    .await?;
    insert_version(connection, workspace, template, author).await
}

/// Writes the next version of each of these, which the caller has numbered and locked, in two statements.
///
/// # Errors
/// When a statement fails.
pub async fn update_all(connection: &mut PgConnection, workspace: WorkspaceId, templates: &[Template], author: &str) -> Result<()> {
    let ids: Vec<_> = templates.iter().map(|template| template.template_id.0).collect();
    let versions: Vec<_> = templates.iter().map(|template| template.version).collect();
    let contents: Vec<_> = templates.iter().map(|template| Json(&template.content)).collect();
    let times: Vec<_> = templates.iter().map(|template| template.updated_at).collect();
    sqlx::query!(
        "UPDATE core.template t SET version = n.version, updated_at = n.at
         FROM unnest($2::uuid[], $3::int[], $4::timestamptz[]) AS n (id, version, at)
         WHERE t.workspace_id = $1 AND t.template_id = n.id",
        workspace.0,
        &ids,
        &versions,
        &times
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
         SELECT n.id, n.version, $1, n.content, n.at, $6
         FROM unnest($2::uuid[], $3::int[], $4::jsonb[], $5::timestamptz[]) AS n (id, version, content, at)",
        workspace.0,
        &ids,
        &versions,
        &contents as _,
        &times,
        author
    )
    .execute(connection)
    .await?;
    Ok(())
}
