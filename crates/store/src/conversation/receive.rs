//! How messages of people come into their threads: the threads are found or made, what is quoted is looked up, all in statements for many.

use super::corrupt;
use crate::Result;
use domain::{
    Channel, ContactId, ConversationId, DeliveryId, MessageId, SenderId, WorkspaceId,
    conversation::{Handler, Handling},
};
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who wrote, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writer {
    pub sender_id: SenderId,
    pub channel: Channel,
    /// As deliveries are keyed.
    pub address_key: String,
    /// Where an answer goes: the user id where the number is hidden.
    pub address: String,
    /// The provider's own id of the person; empty where it gives none.
    pub user_id: String,
}

/// A thread that messages go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub conversation_id: ConversationId,
    pub contact_id: Option<ContactId>,
    pub handler: Handler,
    /// When HELP was answered last.
    pub helped_at: Option<OffsetDateTime>,
}

/// Finds or makes the thread of each writer, and holds on to them until the transaction ends; in the order asked. None: the workspace has no
/// such sender. The contact is the one of that address, if there is one: nobody is made up.
///
/// # Errors
/// When a statement fails.
pub async fn threads(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    writers: &[Writer],
    now: OffsetDateTime,
) -> Result<Vec<Option<Thread>>> {
    let keys = keys(&mut *connection, workspace, writers).await?;
    let mut wanted: BTreeMap<(SenderId, &str), &Writer> = BTreeMap::new();
    for (writer, key) in writers.iter().zip(&keys) {
        if let Some(key) = key {
            // The last one that has a number says where answers go.
            let has_number = writer.address != writer.user_id;
            wanted
                .entry((writer.sender_id, key.as_str()))
                .and_modify(|known| {
                    if has_number {
                        *known = writer
                    }
                })
                .or_insert(writer);
        }
    }
    let found = upsert(connection, workspace, &wanted, now).await?;
    let thread = |(writer, key): (&Writer, &Option<String>)| found.get(&(writer.sender_id, key.clone()?)).cloned();
    Ok(writers.iter().zip(&keys).map(thread).collect())
}

/// The key of each writer's thread: that of the thread in which their user id is known already, else that of their address.
async fn keys(connection: &mut PgConnection, workspace: WorkspaceId, writers: &[Writer]) -> Result<Vec<Option<String>>> {
    let senders: Vec<_> = writers.iter().map(|writer| writer.sender_id.0).collect();
    let keys: Vec<_> = writers.iter().map(|writer| writer.address_key.clone()).collect();
    let users: Vec<_> = writers.iter().map(|writer| writer.user_id.clone()).collect();
    Ok(sqlx::query_scalar!(
        r#"SELECT CASE WHEN s.sender_id IS NOT NULL THEN coalesce(
                    (SELECT c.address_key FROM core.conversation c
                     WHERE c.sender_id = w.sender_id AND c.user_id = w.user_id AND c.user_id <> '' ORDER BY c.conversation_id LIMIT 1),
                    w.address_key) END AS key
           FROM unnest($2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS w (sender_id, address_key, user_id, n)
           LEFT JOIN core.sender s ON s.sender_id = w.sender_id AND s.workspace_id = $1
           ORDER BY w.n"#,
        workspace.0,
        &senders,
        &keys,
        &users
    )
    .fetch_all(connection)
    .await?)
}

type Found = BTreeMap<(SenderId, String), Thread>;

async fn upsert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    wanted: &BTreeMap<(SenderId, &str), &Writer>,
    now: OffsetDateTime,
) -> Result<Found> {
    let ids: Vec<_> = wanted.iter().map(|_| ConversationId::new().0).collect();
    let senders: Vec<_> = wanted.keys().map(|(sender, _)| sender.0).collect();
    let keys: Vec<_> = wanted.keys().map(|(_, key)| (*key).to_owned()).collect();
    let channels: Vec<_> = wanted.values().map(|writer| writer.channel.as_str().to_owned()).collect();
    let addresses: Vec<_> = wanted.values().map(|writer| writer.address.clone()).collect();
    let users: Vec<_> = wanted.values().map(|writer| writer.user_id.clone()).collect();
    // In one order, so that two that hold on to the same threads wait for each other and don't deadlock. OFFSET 0 keeps the order of the
    // contacts out of the search for them.
    let rows = sqlx::query!(
        r#"INSERT INTO core.conversation AS c (conversation_id, workspace_id, sender_id, channel, address_key, address, user_id, contact_id,
                                               last_message_id, last_at, created_at, updated_at)
           SELECT t.id, $1, t.sender_id, t.channel, t.key, t.address, t.user_id,
                  (SELECT contact_id FROM (
                      SELECT p.contact_id FROM core.contact p WHERE p.workspace_id = $1 AND p.phone_key IN (t.key, t.address)
                      UNION ALL SELECT p.contact_id FROM core.contact p WHERE p.workspace_id = $1 AND p.email_key = t.key
                      UNION ALL SELECT p.contact_id FROM core.contact p
                      WHERE p.workspace_id = $1 AND p.whatsapp_key = 'wa:' || nullif(t.user_id, '') OFFSET 0) AS p
                   ORDER BY contact_id LIMIT 1),
                  t.id, $8, $8, $8
           FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
                AS t (id, sender_id, channel, key, address, user_id)
           ORDER BY t.sender_id, t.key
           ON CONFLICT ON CONSTRAINT conversation_once DO UPDATE
           SET address = CASE WHEN excluded.address = excluded.user_id THEN c.address ELSE excluded.address END,
               user_id = CASE WHEN excluded.user_id = '' THEN c.user_id ELSE excluded.user_id END,
               contact_id = coalesce(c.contact_id, excluded.contact_id), updated_at = excluded.updated_at
           RETURNING c.conversation_id, c.sender_id, c.address_key, c.contact_id, c.handler, c.helped_at"#,
        workspace.0,
        &ids,
        &senders,
        &channels,
        &keys,
        &addresses,
        &users,
        now
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let thread = Thread {
                conversation_id: row.conversation_id.into(),
                contact_id: row.contact_id.map(ContactId),
                handler: row.handler.parse().map_err(corrupt)?,
                helped_at: row.helped_at,
            };
            Ok(((SenderId(row.sender_id), row.address_key), thread))
        })
        .collect()
}

/// A message that quotes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub sender_id: SenderId,
    pub conversation_id: ConversationId,
    /// The provider's id of what is quoted.
    pub provider_message_id: String,
}

/// What is quoted, as far as it is ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quoted {
    pub message_id: Option<MessageId>,
    /// The campaign's message, or the one that the quoted message answered.
    pub delivery_id: Option<DeliveryId>,
}

/// What each quote quotes, in the order asked: a message of its thread, or a delivery of its sender.
///
/// # Errors
/// When the statement fails.
pub async fn quoted(connection: &mut PgConnection, workspace: WorkspaceId, quotes: &[Quote]) -> Result<Vec<Quoted>> {
    if quotes.is_empty() {
        return Ok(Vec::new());
    }
    let senders: Vec<_> = quotes.iter().map(|quote| quote.sender_id.0).collect();
    let conversations: Vec<_> = quotes.iter().map(|quote| quote.conversation_id.0).collect();
    let ids: Vec<_> = quotes.iter().map(|quote| quote.provider_message_id.clone()).collect();
    let rows = sqlx::query!(
        r#"SELECT m.message_id AS "message_id?",
                  coalesce((SELECT d.delivery_id FROM send.delivery d WHERE d.provider_message_id = q.id AND d.sender_id = q.sender_id
                            AND d.workspace_id = $1 ORDER BY d.delivery_id LIMIT 1), m.delivery_id) AS delivery_id
           FROM unnest($2::uuid[], $3::uuid[], $4::text[]) WITH ORDINALITY AS q (sender_id, conversation_id, id, n)
           LEFT JOIN LATERAL (
             SELECT w.message_id, w.delivery_id FROM core.message w
             WHERE w.conversation_id = q.conversation_id AND w.provider_message_id = q.id AND w.provider_message_id <> ''
             UNION ALL
             SELECT w.message_id, w.delivery_id FROM send.reply r JOIN core.message w USING (message_id)
             WHERE r.sender_id = q.sender_id AND r.provider_message_id = q.id AND r.provider_message_id <> ''
               AND r.conversation_id = q.conversation_id
             LIMIT 1) AS m ON true
           ORDER BY q.n"#,
        workspace.0,
        &senders,
        &conversations,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let quoted =
        |message: Option<Uuid>, delivery: Option<i64>| Quoted { message_id: message.map(MessageId), delivery_id: delivery.map(DeliveryId) };
    Ok(rows.into_iter().map(|row| quoted(row.message_id, row.delivery_id)).collect())
}

/// A message of a person, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub kind: String,
    pub handling: Handling,
    pub provider_message_id: String,
    pub quoted: Quoted,
    pub sealed: Vec<u8>,
    pub seal_key: Uuid,
    pub media: Value,
    pub at: OffsetDateTime,
}

/// Adds messages to their threads, and says so of the threads: what was handed over is unread, and brings back a thread that was put away.
/// An opt-out takes a thread from the assistant, which must not write to that person any more.
///
/// # Errors
/// When a statement fails.
pub async fn add(connection: &mut PgConnection, workspace: WorkspaceId, received: &[Received], now: OffsetDateTime) -> Result<()> {
    if received.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Received) -> String| received.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<_> = received.iter().map(|one| one.message_id.0).collect();
    let conversations: Vec<_> = received.iter().map(|one| one.conversation_id.0).collect();
    let quotes: Vec<_> = received.iter().map(|one| one.quoted.message_id.map(|id| id.0)).collect();
    let deliveries: Vec<_> = received.iter().map(|one| one.quoted.delivery_id.map(|id| id.0)).collect();
    let sealed: Vec<&[u8]> = received.iter().map(|one| one.sealed.as_slice()).collect();
    let seal_keys: Vec<_> = received.iter().map(|one| one.seal_key).collect();
    let media: Vec<_> = received.iter().map(|one| one.media.clone()).collect();
    let times: Vec<_> = received.iter().map(|one| one.at).collect();
    sqlx::query!(
        "INSERT INTO core.message (message_id, conversation_id, workspace_id, direction, kind, handling, provider_message_id,
                                   reply_to_message_id, delivery_id, sealed, seal_key, media, at, created_at)
         SELECT m.id, m.conversation_id, $1, 'in', m.kind, m.handling, m.provider_message_id, m.quote, m.delivery_id, m.sealed, m.seal_key,
                m.media, m.at, $13
         FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::bigint[], $9::bytea[], $10::uuid[],
                     $11::jsonb[], $12::timestamptz[])
              AS m (id, conversation_id, kind, handling, provider_message_id, quote, delivery_id, sealed, seal_key, media, at)",
        workspace.0,
        &ids,
        &conversations,
        &column(|one| one.kind.clone()),
        &column(|one| one.handling.to_string()),
        &column(|one| one.provider_message_id.clone()),
        &quotes as &[Option<Uuid>],
        &deliveries as &[Option<i64>],
        &sealed as &[&[u8]],
        &seal_keys,
        &media,
        &times,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.conversation c
         SET unread = c.unread + t.handed, last_inbound_at = greatest(c.last_inbound_at, t.at), last_at = greatest(c.last_at, t.at),
             last_message_id = greatest(c.last_message_id, t.newest), status = CASE WHEN t.handed > 0 THEN 'open' ELSE c.status END,
             handler = CASE WHEN t.stopped AND c.handler = 'assistant' THEN 'none' ELSE c.handler END, updated_at = $5
         FROM (SELECT m.conversation_id, count(*) FILTER (WHERE m.handling = 'handed')::int AS handed, least(max(m.at), $5) AS at,
                      (array_agg(m.id ORDER BY m.id DESC))[1] AS newest, bool_or(m.handling = 'stop') AS stopped
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS m (id, conversation_id, handling, at)
               GROUP BY m.conversation_id) AS t
         WHERE c.conversation_id = t.conversation_id",
        &ids,
        &conversations,
        &column(|one| one.handling.to_string()),
        &times,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that HELP is answered now in these threads.
///
/// # Errors
/// When the statement fails.
pub async fn helped(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[ConversationId], now: OffsetDateTime) -> Result<()> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "UPDATE core.conversation SET helped_at = $3 WHERE workspace_id = $1 AND conversation_id = ANY($2)",
        workspace.0,
        &ids,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
