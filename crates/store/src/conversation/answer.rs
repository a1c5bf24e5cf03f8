//! How the workspace answers: a message in the thread, and the row that a dispatcher takes.

use super::Conversation;
use crate::Result;
use domain::{
    Channel, ConversationId, MessageId, WorkspaceId,
    conversation::{Handler, Handling},
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who writes HELP's answer.
pub const BY_HELP: &str = "help";

/// An answer, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub sealed: Vec<u8>,
    pub reply_to: Option<MessageId>,
    /// The provider's id of what it quotes; empty for nothing.
    pub in_reply_to: String,
    /// A caller's subject, or [`BY_HELP`].
    pub author: String,
    pub by_assistant: bool,
}

/// Adds answers to their threads and to what the dispatchers take. The seal of each is tied to its message's id.
///
/// # Errors
/// When a statement fails.
pub async fn add(connection: &mut PgConnection, workspace: WorkspaceId, answers: &[Answer], now: OffsetDateTime) -> Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = answers.iter().map(|answer| answer.message_id.0).collect();
    let conversations: Vec<_> = answers.iter().map(|answer| answer.conversation_id.0).collect();
    let sealed: Vec<&[u8]> = answers.iter().map(|answer| answer.sealed.as_slice()).collect();
    let quotes: Vec<_> = answers.iter().map(|answer| answer.reply_to.map(|id| id.0)).collect();
    let quoted: Vec<_> = answers.iter().map(|answer| answer.in_reply_to.clone()).collect();
    let by_assistant: Vec<_> = answers.iter().map(|answer| answer.by_assistant).collect();
    let authors: Vec<_> = answers.iter().map(|answer| answer.author.clone()).collect();
    sqlx::query!(
        "INSERT INTO core.message (message_id, conversation_id, workspace_id, direction, kind, handling, reply_to_message_id, sealed, seal_key,
                                   author, at, created_at)
         SELECT a.id, a.conversation_id, $1, 'out', 'text', $7, a.quote, a.sealed, a.id, a.author, $8, $8
         FROM unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::uuid[], $6::text[]) AS a (id, conversation_id, sealed, quote, author)",
        workspace.0,
        &ids,
        &conversations,
        &sealed as &[&[u8]],
        &quotes as &[Option<Uuid>],
        &authors,
        Handling::Answer.as_str(),
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO send.reply (message_id, conversation_id, workspace_id, sender_id, channel, address, address_keys, in_reply_to, by_assistant,
                                 created_at, updated_at)
         SELECT a.id, c.conversation_id, $1, c.sender_id, c.channel, c.address,
                array_remove(ARRAY[c.address_key, CASE WHEN c.user_id <> '' THEN 'wa:' || c.user_id END, c.address], NULL), a.quoted,
                a.by_assistant, $6, $6
         FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[]) WITH ORDINALITY AS a (id, conversation_id, quoted, by_assistant, n)
         JOIN core.conversation c ON c.conversation_id = a.conversation_id AND c.workspace_id = $1
         ORDER BY a.n",
        workspace.0,
        &ids,
        &conversations,
        &quoted,
        &by_assistant,
        now
    )
    .execute(&mut *connection)
    .await?;
    touch(connection, workspace, answers, now).await
}

async fn touch(connection: &mut PgConnection, workspace: WorkspaceId, answers: &[Answer], now: OffsetDateTime) -> Result<()> {
    let ids: Vec<_> = answers.iter().map(|answer| answer.message_id.0).collect();
    let conversations: Vec<_> = answers.iter().map(|answer| answer.conversation_id.0).collect();
    sqlx::query!(
        "UPDATE core.conversation c SET last_message_id = greatest(c.last_message_id, a.newest), last_at = greatest(c.last_at, $4), updated_at = $4
         FROM (SELECT conversation_id, (array_agg(id ORDER BY id DESC))[1] AS newest
               FROM unnest($2::uuid[], $3::uuid[]) AS a (id, conversation_id) GROUP BY conversation_id) AS a
         WHERE c.workspace_id = $1 AND c.conversation_id = a.conversation_id",
        workspace.0,
        &ids,
        &conversations,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says that somebody answers a conversation: it is on the table, read, and theirs.
///
/// # Errors
/// When the statement fails.
pub async fn taken_over(
    connection: &mut PgConnection,
    conversation: &Conversation,
    handler: Handler,
    assigned_to: &str,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.conversation SET handler = $3, assigned_to = $4, status = 'open', unread = 0, updated_at = $5
         WHERE workspace_id = $1 AND conversation_id = $2",
        conversation.workspace_id.0,
        conversation.conversation_id.0,
        handler.as_str(),
        assigned_to,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a person has opted out of a channel under any of these keys.
///
/// # Errors
/// When the statement fails.
pub async fn has_opted_out(connection: &mut PgConnection, workspace: WorkspaceId, channel: Channel, keys: &[String]) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM core.opt_out WHERE workspace_id = $1 AND address_key = ANY($3) AND channel IN ($2, 'all'))
                  OR EXISTS (SELECT FROM core.erasure_key k CROSS JOIN unnest($3) AS a (key)
                             JOIN core.erased_key e ON e.workspace_id = $1 AND e.channel IN ($2, 'all') AND e.topic_id IS NULL
                                  AND e.address_hash = core.address_hash(k.inner_key, k.outer_key, a.key)
                             WHERE k.workspace_id = $1) AS "opted_out!""#,
        workspace.0,
        channel.as_str(),
        keys
    )
    .fetch_one(connection)
    .await?)
}

/// How many answers of a conversation wait to be sent.
///
/// # Errors
/// When the statement fails.
pub async fn waiting(connection: &mut PgConnection, conversation: ConversationId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM send.reply WHERE conversation_id = $1 AND state IN ('queued', 'sending')"#,
        conversation.0
    )
    .fetch_one(connection)
    .await?)
}
