//! What is kept of one person's conversations: to be handed to them, to be erased, and to follow them when the provider calls them otherwise.

use super::{Conversation, Message, messages};
use crate::{Result, page::Page};
use domain::{ContactId, ConversationId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Conversations of one person that are handed out at most, and messages of each, the newest.
const MAX_CONVERSATIONS: i64 = 100;
const MAX_MESSAGES: u32 = 10_000;

/// The conversations of a contact with their messages, newest first.
///
/// # Errors
/// When a statement fails.
pub async fn of_contact(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> Result<Vec<(Conversation, Vec<Message>)>> {
    let ids = sqlx::query_scalar!(
        "SELECT v.conversation_id FROM core.conversation v
         WHERE v.workspace_id = $1 AND v.contact_id = $2 ORDER BY v.last_message_id DESC LIMIT $3",
        workspace.0,
        contact.0,
        MAX_CONVERSATIONS
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut all = Vec::with_capacity(ids.len());
    for id in ids.into_iter().map(ConversationId) {
        let Some(conversation) = super::get(&mut *connection, workspace, id).await? else { continue };
        let mut found = messages(&mut *connection, workspace, id, Page { size: MAX_MESSAGES, after: None }).await?;
        found.truncate(MAX_MESSAGES as usize);
        all.push((conversation, found));
    }
    Ok(all)
}

/// Deletes the conversations of a person who is erased, with all that was said and what of it still waits to be sent: those of the contact,
/// and those with addresses that nobody else has. Answers how many.
///
/// # Errors
/// When the statement fails.
pub async fn erase(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, own_keys: &[String]) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM core.conversation WHERE workspace_id = $1 AND (contact_id = $2 OR address_key = ANY($3))",
        workspace.0,
        contact.0,
        own_keys
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The phone numbers of people by the provider's own ids of them, where the workspace knows both: of contacts, or from what they wrote before.
///
/// # Errors
/// When the statement fails.
pub async fn phones(connection: &mut PgConnection, workspace: WorkspaceId, user_ids: &[String]) -> Result<BTreeMap<String, String>> {
    if user_ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (u.id) u.id AS "id!", p.phone AS "phone!" FROM unnest($2::text[]) AS u (id)
           CROSS JOIN LATERAL (
               SELECT c.phone_key AS phone, 1 AS place FROM core.contact c
               WHERE c.workspace_id = $1 AND c.whatsapp_key = 'wa:' || u.id AND c.phone_key IS NOT NULL
               UNION ALL
               SELECT v.address, 2 FROM core.conversation v
               WHERE v.workspace_id = $1 AND v.user_id = u.id AND v.user_id <> '' AND v.address LIKE '+%') AS p
           ORDER BY u.id, p.place, p.phone"#,
        workspace.0,
        user_ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.phone)).collect())
}

/// Follows a person whose id at the provider has changed: their contact, their threads, and what they have opted out of.
///
/// # Errors
/// When a statement fails.
pub async fn renamed(connection: &mut PgConnection, workspace: WorkspaceId, was: &str, is: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, reason, created_at, evidence)
         SELECT workspace_id, channel, 'wa:' || $3, source, reason, created_at, evidence FROM core.opt_out
         WHERE workspace_id = $1 AND address_key = 'wa:' || $2
         ON CONFLICT (workspace_id, address_key, channel) DO NOTHING",
        workspace.0,
        was,
        is
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.contact SET whatsapp_id = $3, updated_at = $4 WHERE workspace_id = $1 AND whatsapp_key = 'wa:' || $2",
        workspace.0,
        was,
        is,
        now
    )
    .execute(&mut *connection)
    .await?;
    // A thread under the new id keeps its own key; then the old one is only told who it is with.
    sqlx::query!(
        "UPDATE core.conversation c
         SET user_id = $3, updated_at = $4, address = CASE WHEN c.address = $2 THEN $3 ELSE c.address END,
             address_key = CASE WHEN c.address_key = 'wa:' || $2 AND NOT EXISTS (
                 SELECT FROM core.conversation o WHERE o.sender_id = c.sender_id AND o.address_key = 'wa:' || $3)
                 THEN 'wa:' || $3 ELSE c.address_key END
         WHERE c.workspace_id = $1 AND c.user_id = $2",
        workspace.0,
        was,
        is,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
