//! Messages of conversations as they are read.

use super::corrupt;
use crate::{Result, page::Page};
use domain::{
    ConversationId, DeliveryId, MessageId, WorkspaceId,
    conversation::{AnswerState, Handling, Reported},
};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A message of a conversation. Its words are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    /// By the person; else by the workspace.
    pub is_inbound: bool,
    pub kind: String,
    pub handling: Handling,
    /// The provider's id of it; empty where there is none yet.
    pub provider_message_id: String,
    pub reply_to_message_id: Option<MessageId>,
    pub delivery_id: Option<DeliveryId>,
    pub sealed: Vec<u8>,
    /// What `sealed` is tied to.
    pub seal_key: Uuid,
    /// Type and size of each medium.
    pub media: Value,
    pub author: String,
    pub answer: Option<Answer>,
    pub at: OffsetDateTime,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub state: AnswerState,
    /// Why it was refused, or is uncertain, or failed later on.
    pub code: String,
    pub detail: String,
    /// What the provider has reported since.
    pub reported: Option<Reported>,
}

struct Row {
    message_id: Uuid,
    conversation_id: Uuid,
    direction: String,
    kind: String,
    handling: String,
    provider_message_id: String,
    reply_to_message_id: Option<Uuid>,
    delivery_id: Option<i64>,
    sealed: Vec<u8>,
    seal_key: Uuid,
    media: Value,
    author: String,
    reported: Option<String>,
    reported_code: String,
    at: OffsetDateTime,
    state: Option<String>,
    code: Option<String>,
    detail: Option<String>,
}

impl TryFrom<Row> for Message {
    type Error = crate::Error;
    fn try_from(row: Row) -> Result<Self> {
        let reported = row.reported.map(|name| name.parse().map_err(corrupt)).transpose()?;
        let answer = row.state.map(|state| {
            let code = if row.reported_code.is_empty() { row.code.unwrap_or_default() } else { row.reported_code };
            Ok::<_, crate::Error>(Answer { state: state.parse().map_err(corrupt)?, code, detail: row.detail.unwrap_or_default(), reported })
        });
        Ok(Self {
            message_id: row.message_id.into(),
            conversation_id: row.conversation_id.into(),
            is_inbound: row.direction == "in",
            kind: row.kind,
            handling: row.handling.parse().map_err(corrupt)?,
            provider_message_id: row.provider_message_id,
            reply_to_message_id: row.reply_to_message_id.map(MessageId),
            delivery_id: row.delivery_id.map(DeliveryId),
            sealed: row.sealed,
            seal_key: row.seal_key,
            media: row.media,
            author: row.author,
            answer: answer.transpose()?,
            at: row.at,
        })
    }
}

/// A page of a conversation's messages, newest first.
///
/// # Errors
/// When the statement fails.
pub async fn messages(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    conversation: ConversationId,
    page: Page,
) -> Result<Vec<Message>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT m.message_id, m.conversation_id, m.direction, m.kind, m.handling,
                  coalesce(nullif(r.provider_message_id, ''), m.provider_message_id) AS "provider_message_id!", m.reply_to_message_id,
                  m.delivery_id, m.sealed, m.seal_key, m.media, m.author, m.reported, m.reported_code, m.at,
                  r.state AS "state?", r.code AS "code?", r.detail AS "detail?"
           FROM core.message m LEFT JOIN send.reply r USING (message_id)
           WHERE m.workspace_id = $1 AND m.conversation_id = $2 AND ($3::uuid IS NULL OR m.message_id < $3)
           ORDER BY m.message_id DESC LIMIT $4"#,
        workspace.0,
        conversation.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Message::try_from).collect()
}

/// One message of a conversation.
///
/// # Errors
/// When the statement fails.
pub async fn one(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Message>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT m.message_id, m.conversation_id, m.direction, m.kind, m.handling,
                  coalesce(nullif(r.provider_message_id, ''), m.provider_message_id) AS "provider_message_id!", m.reply_to_message_id,
                  m.delivery_id, m.sealed, m.seal_key, m.media, m.author, m.reported, m.reported_code, m.at,
                  r.state AS "state?", r.code AS "code?", r.detail AS "detail?"
           FROM core.message m LEFT JOIN send.reply r USING (message_id)
           WHERE m.workspace_id = $1 AND m.conversation_id = $2 AND m.message_id = $3"#,
        workspace.0,
        conversation.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Message::try_from).transpose()
}
