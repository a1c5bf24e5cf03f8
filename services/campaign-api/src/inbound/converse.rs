//! People's messages go into their threads: words of the register have been seen to by then. What is left is for whoever answers.

use super::{
    ORIGIN, REPLIED_WITHIN, bounds,
    sort::{Reader, user_key},
    unseal,
};
use domain::{
    DeliveryId, MessageId, WorkspaceId,
    conversation::{Handling, is_help_due},
    facts,
};
use prost::Message as _;
use proto::event::{ConversationMessage, Fact, FactKind, Inbound, InboundContent, InboundMedia};
use runtime::seal::{Error as SealError, Kek};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{
    Error, PgConnection, Result,
    attribution::{self, Reply},
    conversation::{
        answer::{self, Answer, BY_HELP},
        receive::{self, Quote, Quoted, Received, Thread, Writer},
    },
    workspace::Workspace,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// Bytes of a medium's type, as `image/jpeg`.
const MAX_MEDIA_TYPE: usize = 255;

/// A message that somebody wrote.
struct Written<'a> {
    message: &'a Inbound,
    writer: Writer,
    handling: Handling,
    at: OffsetDateTime,
}

/// A message in its thread.
struct Placed<'a> {
    written: Written<'a>,
    thread: Thread,
    quoted: Quoted,
    message_id: MessageId,
}

/// Keeps what people wrote in their threads, answers HELP, and tells whoever listens of what waits for an answer. Answers with the facts that
/// say which deliveries people replied to.
///
/// # Errors
/// When the database fails, or the system gives no randomness.
pub async fn converse(
    tx: &mut PgConnection,
    kek: &Kek,
    workspace: &Workspace,
    messages: &[Inbound],
    reader: &Reader<'_>,
    now: OffsetDateTime,
) -> Result<Vec<Fact>> {
    let id = workspace.workspace_id;
    let mut written: Vec<_> = messages.iter().filter_map(|message| Written::read(message, reader)).collect();
    if written.is_empty() {
        return Ok(Vec::new());
    }
    // In the order in which people wrote, whatever the order of arrival.
    written.sort_by_key(|written| written.at);
    let mut placed = place(&mut *tx, id, written, now).await?;
    attribute(&mut *tx, id, &mut placed, now).await?;
    let received = placed.iter().map(|placed| placed.received(kek)).collect::<Result<Vec<_>>>()?;
    receive::add(&mut *tx, id, &received, now).await?;
    help(&mut *tx, kek, workspace, &placed, now).await?;
    let news: Vec<_> = placed.iter().filter(|placed| placed.written.handling == Handling::Handed).map(|placed| placed.news(id)).collect();
    let traceparent = placed.first().map(|placed| placed.written.message.traceparent.clone()).unwrap_or_default();
    outbox::add_conversations(tx, ORIGIN, &news, &traceparent, now).await?;
    Ok(replied(&placed))
}

impl<'a> Written<'a> {
    /// None: it is no message of a person, or of nobody who could be answered.
    fn read(message: &'a Inbound, reader: &Reader<'_>) -> Option<Self> {
        // An older version's posts are in clear.
        if message.sealed.is_empty() && message.source != "keyword" {
            return None;
        }
        let addressee = reader.addressee(message, None)?;
        let address = if message.from.is_empty() { message.user_id.clone() } else { addressee.address_key.clone() };
        Some(Self {
            message,
            writer: Writer {
                sender_id: message.sender_id.parse().ok()?,
                channel: addressee.channel,
                address_key: addressee.address_key,
                address,
                user_id: message.user_id.clone(),
            },
            handling: Handling::of(&message.kind, reader.intent(message)),
            at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(message.occurred_at_ms) * 1_000_000).ok()?,
        })
    }
}

/// Finds the thread of each, and what it quotes.
async fn place<'a>(tx: &mut PgConnection, id: WorkspaceId, written: Vec<Written<'a>>, now: OffsetDateTime) -> Result<Vec<Placed<'a>>> {
    let writers: Vec<_> = written.iter().map(|written| written.writer.clone()).collect();
    let threads = receive::threads(&mut *tx, id, &writers, now).await?;
    let found = written.into_iter().zip(threads).filter_map(|(written, thread)| Some((written, thread?)));
    let mut placed: Vec<_> =
        found.map(|(written, thread)| Placed { written, thread, quoted: Quoted::default(), message_id: MessageId::new() }).collect();
    if placed.len() < writers.len() {
        tracing::warn!(count = writers.len() - placed.len(), workspace.id = %id, "messages to senders that aren't there are not kept");
    }
    let quotes: Vec<_> = placed.iter().enumerate().filter_map(|(index, placed)| Some((index, placed.quote()?))).collect();
    let (places, quotes): (Vec<_>, Vec<_>) = quotes.into_iter().unzip();
    for (place, quoted) in places.into_iter().zip(receive::quoted(tx, id, &quotes).await?) {
        placed[place].quoted = quoted;
    }
    Ok(placed)
}

/// What quotes nothing of ours answers the newest message that may have reached its author.
async fn attribute(tx: &mut PgConnection, id: WorkspaceId, placed: &mut [Placed<'_>], now: OffsetDateTime) -> Result<()> {
    let (mut places, mut replies) = (Vec::new(), Vec::new());
    for (place, placed) in placed.iter().enumerate() {
        if placed.quoted.delivery_id.is_some() || !placed.written.handling.is_reply() {
            continue;
        }
        let Writer { sender_id, channel, address_key, .. } = &placed.written.writer;
        let by_user = user_key(placed.written.message).filter(|key| key != address_key);
        for address_key in [Some(address_key.clone()), by_user].into_iter().flatten() {
            places.push(place);
            replies.push(Reply { channel: *channel, sender_id: *sender_id, address_key });
        }
    }
    let found = attribution::to_reply(tx, id, &replies, now - REPLIED_WITHIN).await?;
    for (place, delivery) in places.into_iter().zip(found) {
        let known = &mut placed[place].quoted.delivery_id;
        *known = known.or(delivery);
    }
    Ok(())
}

impl Placed<'_> {
    fn quote(&self) -> Option<Quote> {
        let provider_message_id = Some(&self.written.message.reply_to).filter(|id| !id.is_empty())?.clone();
        Some(Quote { sender_id: self.written.writer.sender_id, conversation_id: self.thread.conversation_id, provider_message_id })
    }

    fn received(&self, kek: &Kek) -> Result<Received> {
        let message = self.written.message;
        let content = unseal::content(kek, message).map_err(|reason| Error::Corrupt { what: "message", reason })?;
        let media: Vec<_> = content.media.into_iter().map(medium).collect();
        Ok(Received {
            message_id: self.message_id,
            conversation_id: self.thread.conversation_id,
            kind: kind(message),
            handling: self.written.handling,
            provider_message_id: message.provider_message_id.clone(),
            quoted: self.quoted,
            sealed: unseal::sealed(kek, message).map_err(|error| not_sealed(&error))?,
            seal_key: Uuid::from_slice(&message.key).unwrap_or_default(),
            media: media.into(),
            at: self.written.at,
        })
    }

    fn news(&self, workspace: WorkspaceId) -> ConversationMessage {
        ConversationMessage {
            workspace_id: workspace.to_string(),
            conversation_id: self.thread.conversation_id.to_string(),
            message_id: self.message_id.to_string(),
            sender_id: self.written.writer.sender_id.to_string(),
            channel: self.written.writer.channel.to_string(),
            contact_id: self.thread.contact_id.map(|id| id.to_string()).unwrap_or_default(),
            handler: self.thread.handler.to_string(),
            kind: kind(self.written.message),
            delivery_id: self.quoted.delivery_id.map_or(0, |id| id.0),
            occurred_at_ms: self.written.message.occurred_at_ms,
        }
    }
}

/// What is kept of a medium in clear. jsonb takes no NUL.
fn medium(mut media: InboundMedia) -> Value {
    bounds::cut(&mut media.media_type, MAX_MEDIA_TYPE);
    json!({ "type": media.media_type, "size": media.size })
}

/// An older version's posts are texts.
fn kind(message: &Inbound) -> String {
    if message.kind.is_empty() { "text".to_owned() } else { message.kind.clone() }
}

/// Answers HELP with the workspace's own text, once a day in each thread; where the provider has understood the word, it has answered.
async fn help(tx: &mut PgConnection, kek: &Kek, workspace: &Workspace, placed: &[Placed<'_>], now: OffsetDateTime) -> Result<()> {
    let text = &workspace.consent.help_text;
    let is_due = |placed: &&Placed<'_>| {
        let Placed { written, thread, .. } = placed;
        written.handling == Handling::Help && written.message.source == "keyword" && is_help_due(thread.helped_at, now)
    };
    let asked: BTreeMap<_, _> = placed.iter().filter(is_due).map(|placed| (placed.thread.conversation_id, placed)).collect();
    if text.is_empty() || asked.is_empty() {
        return Ok(());
    }
    let mut answers = Vec::with_capacity(asked.len());
    for (conversation_id, placed) in &asked {
        let message_id = MessageId::new();
        let content = InboundContent { text: text.clone(), ..InboundContent::default() };
        let sealed = kek.seal(&content.encode_to_vec(), message_id.0.as_bytes()).map_err(|error| not_sealed(&error))?;
        let in_reply_to = placed.written.message.provider_message_id.clone();
        let reply_to = Some(placed.message_id);
        let author = BY_HELP.to_owned();
        answers.push(Answer { message_id, conversation_id: *conversation_id, sealed, reply_to, in_reply_to, author, by_assistant: false });
    }
    answer::add(&mut *tx, workspace.workspace_id, &answers, now).await?;
    let ids: Vec<_> = asked.into_keys().collect();
    receive::helped(tx, workspace.workspace_id, &ids, now).await
}

/// Trying again may find the system well.
fn not_sealed(error: &SealError) -> Error {
    Error::Corrupt { what: "message", reason: error.to_string() }
}

/// The facts that say which deliveries people replied to.
fn replied(placed: &[Placed<'_>]) -> Vec<Fact> {
    let mut facts: BTreeMap<DeliveryId, Fact> = BTreeMap::new();
    for Placed { written, quoted, .. } in placed.iter().filter(|placed| placed.written.handling.is_reply()) {
        // A test's message, whose number is below zero, is counted nowhere.
        let Some(delivery) = quoted.delivery_id.filter(|delivery| delivery.0 > 0) else { continue };
        let fact = Fact {
            // Of many replies to one message the first says all.
            key: facts::key(&format!("replied/{delivery}")).to_vec(),
            kind: FactKind::Replied.into(),
            occurred_at_ms: written.message.occurred_at_ms,
            delivery_id: delivery.0,
            traceparent: written.message.traceparent.clone(),
            ..Fact::default()
        };
        facts.entry(delivery).or_insert(fact);
    }
    facts.into_values().collect()
}
