//! Messages of people that wait for whoever answers, as news: for an assistant or a console that listens to the stream CONVERSATION. The
//! conversations themselves are rows, and so is who answers.

use crate::CONVERSATIONS;
use prost::Message;
use proto::event::ConversationMessage;
use store::PgConnection;
use time::OffsetDateTime;

/// Adds news of messages to the transaction that keeps them.
///
/// # Errors
/// When the database fails.
pub async fn add_conversations(
    connection: &mut PgConnection,
    origin: &str,
    news: &[ConversationMessage],
    traceparent: &str,
    now: OffsetDateTime,
) -> store::Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let payloads: Vec<_> = news.iter().map(Message::encode_to_vec).collect();
    store::outbox::add(connection, origin, CONVERSATIONS, &payloads, traceparent, now).await
}
