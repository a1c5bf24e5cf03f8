//! Layouts: named HTML that e-mails are set into. A template's version has a copy of its own, so nothing here touches what is written.

use crate::{Result, page::Page, template::Template};
use domain::{LayoutId, WorkspaceId, content::TemplateContent};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// A layout. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    #[serde(skip)]
    pub layout_id: LayoutId,
    pub name: String,
    pub html: String,
    /// Counts the edits, from 1.
    pub revision: i32,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub updated_at: OffsetDateTime,
}

/// Adds a layout.
///
/// # Errors
/// `layout_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, layout: &Layout) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.layout (layout_id, workspace_id, name, html, revision, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        layout.layout_id.0,
        workspace.0,
        layout.name,
        layout.html,
        layout.revision,
        layout.created_at,
        layout.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a caller names a layout by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Id(LayoutId),
    Name(&'a str),
}

impl<'a> Key<'a> {
    const fn id(self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(id.0),
            Self::Name(_) => None,
        }
    }

    const fn name(self) -> Option<&'a str> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) => Some(name),
        }
    }
}

/// A layout of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, key: Key<'_>) -> Result<Option<Layout>> {
    Ok(sqlx::query_as!(
        Layout,
        "SELECT layout_id, name, html, revision, created_at, updated_at FROM core.layout
         WHERE workspace_id = $1 AND (layout_id = $2 OR name = $3)",
        workspace.0,
        key.id(),
        key.name()
    )
    .fetch_optional(connection)
    .await?)
}

/// The same, locked until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, key: Key<'_>) -> Result<Option<Layout>> {
    Ok(sqlx::query_as!(
        Layout,
        "SELECT layout_id, name, html, revision, created_at, updated_at FROM core.layout
         WHERE workspace_id = $1 AND (layout_id = $2 OR name = $3) FOR UPDATE",
        workspace.0,
        key.id(),
        key.name()
    )
    .fetch_optional(connection)
    .await?)
}

/// A page of layouts, oldest first, without their HTML.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page) -> Result<Vec<Layout>> {
    Ok(sqlx::query_as!(
        Layout,
        r#"SELECT layout_id, name, '' AS "html!", revision, created_at, updated_at FROM core.layout
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR layout_id > $2) ORDER BY layout_id LIMIT $3"#,
        workspace.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// How many layouts a workspace has.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM core.layout WHERE workspace_id = $1"#, workspace.0)
        .fetch_one(connection)
        .await?)
}

/// Writes a layout's HTML and what goes with it, under [`lock`].
///
/// # Errors
/// When the statement fails.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, layout: &Layout) -> Result<()> {
    sqlx::query!(
        "UPDATE core.layout SET html = $3, revision = $4, updated_at = $5 WHERE workspace_id = $1 AND layout_id = $2",
        workspace.0,
        layout.layout_id.0,
        layout.html,
        layout.revision,
        layout.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a layout.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, workspace: WorkspaceId, id: LayoutId) -> Result<()> {
    sqlx::query!("DELETE FROM core.layout WHERE workspace_id = $1 AND layout_id = $2", workspace.0, id.0).execute(connection).await?;
    Ok(())
}

/// The HTML of these layouts, by name; those that there aren't are left out.
///
/// # Errors
/// When the statement fails.
pub async fn html_of(connection: &mut PgConnection, workspace: WorkspaceId, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<_> = names.iter().cloned().collect();
    let rows = sqlx::query!("SELECT name, html FROM core.layout WHERE workspace_id = $1 AND name = ANY($2)", workspace.0, &names)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.html)).collect())
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

/// Templates that aren't archived and whose newest version names a layout, in any language; at most `limit`. They are locked until the
/// transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn users(connection: &mut PgConnection, workspace: WorkspaceId, name: &str, limit: i64) -> Result<Vec<Template>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT t.template_id, t.name, v.version, v.content AS "content: Json<TemplateContent>", t.created_at, v.created_at AS updated_at,
                  t.archived_at
           FROM core.template t JOIN core.template_version v ON v.template_id = t.template_id AND v.version = t.version
           WHERE t.workspace_id = $1 AND t.archived_at IS NULL
             AND EXISTS (SELECT FROM jsonb_path_query(v.content, '$.email.layout') AS own (layout) WHERE layout = to_jsonb($2::text)
                         UNION ALL
                         SELECT FROM jsonb_path_query(v.content, '$.translations.*.email.layout') AS other (layout)
                         WHERE layout = to_jsonb($2::text))
           ORDER BY t.template_id LIMIT $3 FOR NO KEY UPDATE OF t"#,
        workspace.0,
        name,
        limit
    )
    .fetch_all(connection)
    .await?;
    let template = |row: Row| Template {
        template_id: row.template_id.into(),
        name: row.name,
        version: row.version,
        content: row.content.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
        archived_at: row.archived_at,
    };
    Ok(rows.into_iter().map(template).collect())
}
