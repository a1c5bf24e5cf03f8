//! Topics: what campaigns can be about, and who has left them.

use crate::{Result, page::Page};
use domain::{ContactId, TopicId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// A topic. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topic {
    #[serde(skip)]
    pub topic_id: TopicId,
    pub name: String,
    pub description: String,
    /// By language.
    pub translations: BTreeMap<String, Text>,
    #[serde(with = "rfc3339::option")]
    pub archived_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
}

/// What people see of a topic in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub name: String,
    #[serde(default)]
    pub description: String,
}

struct Row {
    topic_id: Uuid,
    name: String,
    description: String,
    translations: Json<BTreeMap<String, Text>>,
    archived_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
}

impl From<Row> for Topic {
    fn from(row: Row) -> Self {
        Self {
            topic_id: row.topic_id.into(),
            name: row.name,
            description: row.description,
            translations: row.translations.0,
            archived_at: row.archived_at,
            created_at: row.created_at,
        }
    }
}

/// Adds a topic.
///
/// # Errors
/// `topic_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, topic: &Topic) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.topic (topic_id, workspace_id, name, description, translations, archived_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        topic.topic_id.0,
        workspace.0,
        topic.name,
        topic.description,
        Json(&topic.translations) as _,
        topic.archived_at,
        topic.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes all of a topic. Returns whether it is there.
///
/// # Errors
/// `topic_name` when the workspace has another of that name.
pub async fn update(connection: &mut PgConnection, workspace: WorkspaceId, topic: &Topic) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.topic SET name = $3, description = $4, translations = $5, archived_at = $6 WHERE workspace_id = $1 AND topic_id = $2",
        workspace.0,
        topic.topic_id.0,
        topic.name,
        topic.description,
        Json(&topic.translations) as _,
        topic.archived_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A topic of a workspace, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: TopicId) -> Result<Option<Topic>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT topic_id, name, description, translations AS "translations: Json<BTreeMap<String, Text>>", archived_at, created_at
           FROM core.topic WHERE workspace_id = $1 AND topic_id = $2 FOR NO KEY UPDATE"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Topic::from))
}

/// A page of topics, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, include_archived: bool, page: Page) -> Result<Vec<Topic>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT topic_id, name, description, translations AS "translations: Json<BTreeMap<String, Text>>", archived_at, created_at
           FROM core.topic WHERE workspace_id = $1 AND ($2::uuid IS NULL OR topic_id > $2) AND ($3 OR archived_at IS NULL)
           ORDER BY topic_id LIMIT $4"#,
        workspace.0,
        page.after,
        include_archived,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Topic::from).collect())
}

/// Which of these are no topics of the workspace, or are archived.
///
/// # Errors
/// When the statement fails.
pub async fn closed(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[TopicId]) -> Result<Vec<TopicId>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let closed = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM unnest($2::uuid[]) AS id
           WHERE NOT EXISTS (SELECT FROM core.topic t WHERE t.topic_id = id AND t.workspace_id = $1 AND t.archived_at IS NULL)"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(closed.into_iter().map(TopicId).collect())
}

/// A contact leaves topics: under their id and each of their addresses. Answers with those that they had not left.
///
/// # Errors
/// When the statement fails.
pub async fn leave(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    topics: &[TopicId],
    source: &str,
    at: OffsetDateTime,
) -> Result<Vec<TopicId>> {
    let ids: Vec<_> = topics.iter().map(|id| id.0).collect();
    let left = sqlx::query_scalar!(
        r#"WITH subject AS (
             SELECT a.key FROM core.contact c CROSS JOIN LATERAL (VALUES (c.contact_id::text), (c.email_key), (c.phone_key)) AS a (key)
             WHERE c.workspace_id = $1 AND c.contact_id = $2 AND a.key IS NOT NULL
           ), added AS (
             INSERT INTO core.topic_opt_out (topic_id, subject, workspace_id, source, created_at)
             SELECT t.topic_id, s.key, $1, $4, $5 FROM core.topic t CROSS JOIN subject s
             WHERE t.workspace_id = $1 AND t.topic_id = ANY($3) ORDER BY t.topic_id, s.key
             ON CONFLICT (topic_id, subject) DO NOTHING
             RETURNING topic_id
           )
           SELECT DISTINCT topic_id AS "topic_id!" FROM added"#,
        workspace.0,
        contact.0,
        &ids,
        source,
        at
    )
    .fetch_all(connection)
    .await?;
    Ok(left.into_iter().map(TopicId).collect())
}

/// A contact gets topics again that they had left before `until`; what is kept of that since an address's person was erased goes as
/// well, or it would bring it back. Answers with those that they had left.
///
/// # Errors
/// When the statement fails.
pub async fn rejoin(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    topics: &[TopicId],
    until: OffsetDateTime,
) -> Result<Vec<TopicId>> {
    let ids: Vec<_> = topics.iter().map(|id| id.0).collect();
    let joined = sqlx::query_scalar!(
        r#"WITH subject AS (
             SELECT a.key FROM core.contact c CROSS JOIN LATERAL (VALUES (c.contact_id::text), (c.email_key), (c.phone_key)) AS a (key)
             WHERE c.workspace_id = $1 AND c.contact_id = $2 AND a.key IS NOT NULL
           ), removed AS (
             DELETE FROM core.topic_opt_out o USING subject s
             WHERE o.workspace_id = $1 AND o.subject = s.key AND o.topic_id = ANY($3) AND o.created_at <= $4
             RETURNING o.topic_id
           ), forgotten AS (
             DELETE FROM core.erased_key e USING subject s, core.erasure_key k
             WHERE k.workspace_id = $1 AND e.workspace_id = $1 AND e.topic_id = ANY($3) AND e.created_at <= $4
               AND e.address_hash = core.address_hash(k.inner_key, k.outer_key, s.key)
           )
           SELECT DISTINCT topic_id AS "topic_id!" FROM removed"#,
        workspace.0,
        contact.0,
        &ids,
        until
    )
    .fetch_all(connection)
    .await?;
    Ok(joined.into_iter().map(TopicId).collect())
}
