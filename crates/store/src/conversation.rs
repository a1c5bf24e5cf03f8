//! Conversations: the threads between people and senders. What is said in them is sealed; this module never opens it.
//!
//! [`receive`] is how messages of people come into their threads, [`answer`] how the workspace answers, [`dispatch`] what the dispatchers do
//! with answers, [`report`] what is heard of them later, [`person`] what is kept about one person. Here is what those who answer see and set.

pub mod answer;
pub mod dispatch;
pub mod message;
pub mod person;
pub mod receive;
pub mod report;

pub use message::{Message, messages};

use crate::{Error, Result, delivery, page::Page};
use domain::{
    Channel, ContactId, ConversationId, MessageId, SenderId, WorkspaceId,
    content::WHATSAPP_WINDOW,
    conversation::{Handler, Status, UnknownName},
};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// The thread between one person and one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub conversation_id: ConversationId,
    pub workspace_id: WorkspaceId,
    pub sender_id: SenderId,
    pub channel: Channel,
    /// As deliveries are keyed.
    pub address_key: String,
    /// Where an answer goes.
    pub address: String,
    /// The provider's own id of the person; empty where it gives none.
    pub user_id: String,
    pub contact_id: Option<ContactId>,
    pub handler: Handler,
    /// The subject of the person who answers; empty for nobody in particular.
    pub assigned_to: String,
    pub status: Status,
    pub unread: u32,
    pub last_inbound_at: Option<OffsetDateTime>,
    pub last_message_id: MessageId,
    pub last_at: OffsetDateTime,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl Conversation {
    /// Until when free text may be sent; None where the channel has no such limit, or nothing was received.
    #[must_use]
    pub fn open_until(&self) -> Option<OffsetDateTime> {
        self.last_inbound_at.filter(|_| self.channel == Channel::Whatsapp).map(|at| at + WHATSAPP_WINDOW)
    }

    /// All keys under which the person may be in a register, the thread's first.
    #[must_use]
    pub fn address_keys(&self) -> Vec<String> {
        let by_user = Some(&self.user_id).filter(|id| !id.is_empty()).map(|id| format!("wa:{id}"));
        let mut keys = vec![self.address_key.clone()];
        keys.extend(by_user.into_iter().chain([self.address.clone()]).filter(|key| *key != self.address_key));
        keys
    }
}

struct Row {
    conversation_id: Uuid,
    workspace_id: Uuid,
    sender_id: Uuid,
    channel: String,
    address_key: String,
    address: String,
    user_id: String,
    contact_id: Option<Uuid>,
    handler: String,
    assigned_to: String,
    status: String,
    unread: i32,
    last_inbound_at: Option<OffsetDateTime>,
    last_message_id: Uuid,
    last_at: OffsetDateTime,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

/// What is stored can't be read.
pub(crate) fn corrupt(error: UnknownName) -> Error {
    Error::Corrupt { what: error.what, reason: error.to_string() }
}

impl TryFrom<Row> for Conversation {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            conversation_id: row.conversation_id.into(),
            workspace_id: row.workspace_id.into(),
            sender_id: row.sender_id.into(),
            channel: delivery::channel(&row.channel)?,
            address_key: row.address_key,
            address: row.address,
            user_id: row.user_id,
            contact_id: row.contact_id.map(ContactId),
            handler: row.handler.parse().map_err(corrupt)?,
            assigned_to: row.assigned_to,
            status: row.status.parse().map_err(corrupt)?,
            unread: row.unread.unsigned_abs(),
            last_inbound_at: row.last_inbound_at,
            last_message_id: row.last_message_id.into(),
            last_at: row.last_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A conversation of a workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: ConversationId) -> Result<Option<Conversation>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT conversation_id, workspace_id, sender_id, channel, address_key, address, user_id, contact_id, handler, assigned_to, status,
                unread, last_inbound_at, last_message_id, last_at, created_at, updated_at
         FROM core.conversation WHERE workspace_id = $1 AND conversation_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Conversation::try_from).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
///
/// # Errors
/// When a statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: ConversationId) -> Result<Option<Conversation>> {
    sqlx::query!("SELECT 1 AS one FROM core.conversation WHERE workspace_id = $1 AND conversation_id = $2 FOR UPDATE", workspace.0, id.0)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, workspace, id).await
}

/// Which conversations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub status: Option<Status>,
    pub handler: Option<Handler>,
    pub assigned_to: Option<String>,
    pub sender_id: Option<SenderId>,
    pub contact_id: Option<ContactId>,
    pub unread_only: bool,
}

/// A page of conversations, those with the newest messages first; its token is the newest message of the last one.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, filter: &Filter, page: Page) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT conversation_id, workspace_id, sender_id, channel, address_key, address, user_id, contact_id, handler, assigned_to, status,
                unread, last_inbound_at, last_message_id, last_at, created_at, updated_at
         FROM core.conversation
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR last_message_id < $2)
           AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR handler = $4) AND ($5::text IS NULL OR assigned_to = $5)
           AND ($6::uuid IS NULL OR sender_id = $6) AND ($7::uuid IS NULL OR contact_id = $7) AND (NOT $8 OR unread > 0)
         ORDER BY last_message_id DESC LIMIT $9",
        workspace.0,
        page.after,
        filter.status.map(Status::as_str),
        filter.handler.map(Handler::as_str),
        filter.assigned_to.as_deref(),
        filter.sender_id.map(|id| id.0),
        filter.contact_id.map(|id| id.0),
        filter.unread_only,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Conversation::try_from).collect()
}

/// Conversations that changed after a time, or at that time and with a later id; the longest ago first. What was written in a transaction
/// that took long may come with a time that was passed already: ask with some overlap.
///
/// # Errors
/// When the statement fails.
pub async fn changed(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: Option<SenderId>,
    after: (OffsetDateTime, ConversationId),
    limit: i64,
) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT conversation_id, workspace_id, sender_id, channel, address_key, address, user_id, contact_id, handler, assigned_to, status,
                unread, last_inbound_at, last_message_id, last_at, created_at, updated_at
         FROM core.conversation
         WHERE workspace_id = $1 AND (updated_at, conversation_id) > ($2, $5::uuid) AND ($3::uuid IS NULL OR sender_id = $3)
         ORDER BY updated_at, conversation_id LIMIT $4",
        workspace.0,
        after.0,
        sender.map(|id| id.0),
        limit,
        after.1.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Conversation::try_from).collect()
}

/// What people set about a conversation. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    #[serde(serialize_with = "as_name")]
    pub handler: Handler,
    pub assigned_to: String,
    #[serde(serialize_with = "as_name")]
    pub status: Status,
}

fn as_name<S: serde::Serializer>(name: &impl std::fmt::Display, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl Standing {
    #[must_use]
    pub fn of(conversation: &Conversation) -> Self {
        Self { handler: conversation.handler, assigned_to: conversation.assigned_to.clone(), status: conversation.status }
    }
}

/// Sets who answers and whether it is put away.
///
/// # Errors
/// When the statement fails.
pub async fn set(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ConversationId,
    standing: &Standing,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.conversation SET handler = $3, assigned_to = $4, status = $5, updated_at = $6
         WHERE workspace_id = $1 AND conversation_id = $2",
        workspace.0,
        id.0,
        standing.handler.as_str(),
        standing.assigned_to,
        standing.status.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says that everything up to a message, or all, has been read: what was handed over after it stays unread.
///
/// # Errors
/// When the statement fails.
pub async fn mark_read(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ConversationId,
    up_to: Option<MessageId>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.conversation SET updated_at = $4, unread = CASE WHEN $3::uuid IS NULL THEN 0 ELSE least(unread, (
             SELECT count(*) FROM core.message m WHERE m.conversation_id = $2 AND m.message_id > $3 AND m.handling = 'handed')) END
         WHERE workspace_id = $1 AND conversation_id = $2",
        workspace.0,
        id.0,
        up_to.map(|id| id.0),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
