//! The templates that providers keep for senders, as they were read or heard of last, and how a sender's number fares there.
//!
//! A list that was read to its end takes the place of what was known; news change one template. What a change does to the runs that send by
//! a template is [`runs`]' business.

mod news;
pub mod runs;

pub use news::{Heard, Standing, hear, stand, standing};

use crate::{Error, Result, page::Page};
use domain::{SenderId, WorkspaceId, content::Registered};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// In which state a template may be sent.
pub const APPROVED: &str = "APPROVED";

/// One template of a sender.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderTemplate {
    pub provider_template_id: Uuid,
    pub sender_id: SenderId,
    /// The provider's own id; empty where it was never told.
    pub provider_id: String,
    pub name: String,
    pub language: String,
    /// In the provider's own words, in capital letters.
    pub category: String,
    pub status: String,
    /// Empty where the provider doesn't say.
    pub quality: String,
    /// Its parts as the provider gives them.
    pub components: Value,
    /// Why it isn't approved.
    pub reason: String,
    pub synced_at: OffsetDateTime,
}

/// A template as the provider lists it.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub provider_id: String,
    pub name: String,
    pub language: String,
    pub category: String,
    pub status: String,
    pub quality: String,
    pub components: Value,
    pub reason: String,
}

/// A template whose status isn't what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub provider_id: String,
    pub name: String,
    pub language: String,
    pub status: String,
    pub reason: String,
}

impl Changed {
    /// Whether a content's template is this one.
    #[must_use]
    pub fn is(&self, registered: &Registered) -> bool {
        match registered {
            Registered::Twilio { content_sid } => *content_sid == self.provider_id,
            Registered::Meta { name, language } => *name == self.name && *language == self.language,
        }
    }
}

/// Puts a list that was read to its end in the place of what was known of a sender's templates. Answers with those whose status changed,
/// what isn't listed any more with an empty one.
///
/// # Errors
/// When a statement fails.
pub async fn replace(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    listed: &[Listed],
    now: OffsetDateTime,
) -> Result<Vec<Changed>> {
    let column = |of: fn(&Listed) -> &String| listed.iter().map(|one| of(one).clone()).collect::<Vec<_>>();
    let components: Vec<Value> = listed.iter().map(|one| one.components.clone()).collect();
    let rows = sqlx::query!(
        r#"WITH listed AS (
               SELECT DISTINCT ON (l.provider_id, l.name, l.language) l.*
               FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::text[])
                    AS l (provider_id, name, language, category, status, quality, components, reason)),
           written AS (
               INSERT INTO core.provider_template AS t (provider_template_id, workspace_id, sender_id, provider_id, name, language, category,
                   status, quality, components, reason, synced_at, created_at)
               SELECT uuidv7(), $1, $2, provider_id, name, language, category, status, quality, components, reason, $3, $3 FROM listed
               ON CONFLICT (sender_id, provider_id, name, language) DO UPDATE
               SET category = EXCLUDED.category, status = EXCLUDED.status,
                   quality = CASE WHEN EXCLUDED.quality = '' THEN t.quality ELSE EXCLUDED.quality END,
                   components = EXCLUDED.components,
                   -- A list may leave out why: what the news said stays as long as the status does.
                   reason = CASE WHEN EXCLUDED.reason = '' AND EXCLUDED.status = t.status THEN t.reason ELSE EXCLUDED.reason END,
                   synced_at = EXCLUDED.synced_at
               RETURNING t.provider_id, t.name, t.language, t.status, t.reason, old.status AS was),
           gone AS (
               DELETE FROM core.provider_template t
               WHERE t.sender_id = $2 AND t.workspace_id = $1
                 AND NOT EXISTS (SELECT FROM listed l WHERE (l.provider_id, l.name, l.language) = (t.provider_id, t.name, t.language))
               RETURNING t.provider_id, t.name, t.language)
           SELECT provider_id AS "provider_id!", name AS "name!", language AS "language!", status AS "status!", reason AS "reason!"
           FROM written WHERE was IS DISTINCT FROM status
           UNION ALL SELECT g.provider_id, g.name, g.language, '', '' FROM gone g"#,
        workspace.0,
        sender.0,
        now,
        &column(|one| &one.provider_id),
        &column(|one| &one.name),
        &column(|one| &one.language),
        &column(|one| &one.category),
        &column(|one| &one.status),
        &column(|one| &one.quality),
        &components,
        &column(|one| &one.reason)
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO core.provider_template_sync (sender_id, workspace_id, synced_at, templates) VALUES ($1, $2, $3, $4)
         ON CONFLICT (sender_id) DO UPDATE SET synced_at = EXCLUDED.synced_at, templates = EXCLUDED.templates",
        sender.0,
        workspace.0,
        now,
        i32::try_from(listed.len()).unwrap_or(i32::MAX)
    )
    .execute(connection)
    .await?;
    let changed = rows.into_iter().map(|row| Changed {
        provider_id: row.provider_id,
        name: row.name,
        language: row.language,
        status: row.status,
        reason: row.reason,
    });
    Ok(changed.collect())
}

/// When a sender's list was last read to its end; None: never.
///
/// # Errors
/// When the statement fails.
pub async fn synced_at(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId) -> Result<Option<OffsetDateTime>> {
    Ok(sqlx::query_scalar!(
        "SELECT synced_at FROM core.provider_template_sync WHERE workspace_id = $1 AND sender_id = $2",
        workspace.0,
        sender.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Which templates to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub sender: Option<SenderId>,
    /// As the provider writes it; empty for any.
    pub status: String,
    /// Empty for any.
    pub name: String,
}

struct Row {
    provider_template_id: Uuid,
    sender_id: Uuid,
    provider_id: String,
    name: String,
    language: String,
    category: String,
    status: String,
    quality: String,
    components: Value,
    reason: String,
    synced_at: OffsetDateTime,
}

impl From<Row> for ProviderTemplate {
    fn from(row: Row) -> Self {
        Self {
            provider_template_id: row.provider_template_id,
            sender_id: row.sender_id.into(),
            provider_id: row.provider_id,
            name: row.name,
            language: row.language,
            category: row.category,
            status: row.status,
            quality: row.quality,
            components: row.components,
            reason: row.reason,
            synced_at: row.synced_at,
        }
    }
}

/// A page of a workspace's templates, in the order in which they were first seen.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, filter: &Filter, page: Page) -> Result<Vec<ProviderTemplate>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT provider_template_id, sender_id, provider_id, name, language, category, status, quality, components, reason, synced_at
         FROM core.provider_template
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR sender_id = $2) AND ($3 = '' OR status = $3) AND ($4 = '' OR name = $4)
           AND ($5::uuid IS NULL OR provider_template_id > $5)
         ORDER BY provider_template_id LIMIT $6",
        workspace.0,
        filter.sender.map(|id| id.0),
        filter.status,
        filter.name,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One template.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid) -> Result<Option<ProviderTemplate>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT provider_template_id, sender_id, provider_id, name, language, category, status, quality, components, reason, synced_at
         FROM core.provider_template WHERE workspace_id = $1 AND provider_template_id = $2",
        workspace.0,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// What is known of a content's template at a sender: (status, reason, category). None: nothing.
///
/// # Errors
/// When the statement fails.
pub async fn known(connection: &mut PgConnection, sender: SenderId, registered: &Registered) -> Result<Option<(String, String, String)>> {
    let (sid, name, language) = match registered {
        Registered::Twilio { content_sid } => (content_sid.as_str(), "", ""),
        Registered::Meta { name, language } => ("", name.as_str(), language.as_str()),
    };
    // Of several with one name, as after a deletion, the one that may be sent.
    let row = sqlx::query!(
        "SELECT status, reason, category FROM core.provider_template
         WHERE sender_id = $1 AND CASE WHEN $2 <> '' THEN provider_id = $2 ELSE name = $3 AND language = $4 END
         ORDER BY status = 'APPROVED' DESC, synced_at DESC LIMIT 1",
        sender.0,
        sid,
        name,
        language
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.status, row.reason, row.category)))
}

/// The registered templates that a version of a template is sent by.
///
/// # Errors
/// When the statement fails, or the content can't be read.
pub async fn registered(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    template: domain::TemplateId,
    version: i32,
) -> Result<std::collections::BTreeSet<Registered>> {
    let content = sqlx::query_scalar!(
        "SELECT v.content FROM core.template_version v JOIN core.template t USING (template_id)
         WHERE t.workspace_id = $1 AND v.template_id = $2 AND v.version = $3",
        workspace.0,
        template.0,
        version
    )
    .fetch_optional(connection)
    .await?;
    let Some(content) = content else { return Ok(std::collections::BTreeSet::new()) };
    let content: domain::content::TemplateContent =
        serde_json::from_value(content).map_err(|error| Error::Corrupt { what: "template content", reason: error.to_string() })?;
    Ok(content.registered())
}
