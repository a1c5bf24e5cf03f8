//! What is heard of a template or a number between two readings of the lists.

use super::Changed;
use crate::Result;
use domain::{SenderId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// News of one template; what is None stays.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub provider_id: String,
    pub name: String,
    pub language: String,
    pub status: Option<String>,
    pub quality: Option<String>,
    pub category: Option<String>,
    pub reason: Option<String>,
    /// The provider's time.
    pub at: Option<OffsetDateTime>,
}

/// Takes news in. Answers with the template when its status isn't what it was; news that are older than what is known change nothing, and
/// news of a template that nobody has told of yet make it known.
///
/// # Errors
/// When a statement fails.
pub async fn hear(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    heard: &Heard,
    now: OffsetDateTime,
) -> Result<Option<Changed>> {
    let at = heard.at.unwrap_or(now).min(now);
    let row = sqlx::query!(
        r#"INSERT INTO core.provider_template AS t (provider_template_id, workspace_id, sender_id, provider_id, name, language, category,
               status, quality, reason, synced_at, status_at, created_at)
           VALUES (uuidv7(), $1, $2, $3, $4, $5, coalesce($6, ''), coalesce($7, ''), coalesce($8, ''), coalesce($9, ''), $11, $10, $11)
           ON CONFLICT (sender_id, provider_id, name, language) DO UPDATE
           SET category = coalesce($6, t.category), quality = coalesce($8, t.quality),
               status = CASE WHEN $7 IS NULL OR t.status_at > $10 THEN t.status ELSE $7 END,
               reason = CASE WHEN $7 IS NULL OR t.status_at > $10 THEN t.reason ELSE coalesce($9, '') END,
               status_at = CASE WHEN $7 IS NULL THEN t.status_at ELSE greatest(t.status_at, $10) END,
               synced_at = $11
           RETURNING t.status, t.reason, old.status IS DISTINCT FROM t.status AS "changed!""#,
        workspace.0,
        sender.0,
        heard.provider_id,
        heard.name,
        heard.language,
        heard.category,
        heard.status,
        heard.quality,
        heard.reason,
        at,
        now
    )
    .fetch_one(connection)
    .await?;
    let is_news = row.changed && !row.status.is_empty();
    Ok(is_news.then(|| Changed {
        provider_id: heard.provider_id.clone(),
        name: heard.name.clone(),
        language: heard.language.clone(),
        status: row.status,
        reason: row.reason,
    }))
}

/// One thing that a provider says of how a sender fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `quality`, `limit`, `restriction` or `disconnected`.
    pub kind: String,
    /// In the provider's own words.
    pub value: String,
    pub detail: String,
    pub occurred_at: OffsetDateTime,
}

/// Keeps how a sender fares; an older word doesn't take the place of a newer one. Answers whether it was taken.
///
/// # Errors
/// When the statement fails.
pub async fn stand(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, standing: &Standing) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO core.sender_standing AS s (sender_id, kind, workspace_id, value, detail, occurred_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (sender_id, kind) DO UPDATE SET value = EXCLUDED.value, detail = EXCLUDED.detail, occurred_at = EXCLUDED.occurred_at
         WHERE s.occurred_at <= EXCLUDED.occurred_at",
        sender.0,
        standing.kind,
        workspace.0,
        standing.value,
        standing.detail,
        standing.occurred_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How senders of one workspace fare at their providers, as far as that was ever said.
///
/// # Errors
/// When the statement fails.
pub async fn standing(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    senders: &[SenderId],
) -> Result<BTreeMap<SenderId, Vec<Standing>>> {
    let ids: Vec<_> = senders.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT sender_id, kind, value, detail, occurred_at FROM core.sender_standing
         WHERE workspace_id = $1 AND sender_id = ANY($2) ORDER BY sender_id, kind",
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut by_sender: BTreeMap<SenderId, Vec<Standing>> = BTreeMap::new();
    for row in rows {
        let standing = Standing { kind: row.kind, value: row.value, detail: row.detail, occurred_at: row.occurred_at };
        by_sender.entry(row.sender_id.into()).or_default().push(standing);
    }
    Ok(by_sender)
}
