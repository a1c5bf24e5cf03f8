//! Facts from the ledger to the broker: written with the change they are about, published afterwards, at least once (ADR 1), and
//! published again until somebody has handled them (ADR 5).
//!
//! [`add`] goes into the transaction that changes the ledger; [`Outbox::run`] is the one task of a service that publishes. The fold
//! counts each fact once by its key, so publishing one again changes nothing. Who handles a message deletes its row
//! (`store::outbox::delete` with [`bus::Delivered::outbox_id`]) in the same transaction.

mod alert;
mod conversation;
mod relay;

pub use alert::{add_alert, raise_alert};
pub use conversation::add_conversations;
pub use relay::{Outbox, setting_aside};

use bus::Subject;
use domain::{DeliveryId, SenderId, facts};
use prost::Message;
use proto::event::{Fact, FactBatch, FactKind, Inbound, InboundBatch};
use store::PgConnection;
use time::OffsetDateTime;

/// Facts in one message at most.
pub const FACTS_PER_MESSAGE: usize = 500;
/// What the `subject` of a row may be.
pub const FACTS: &str = "facts";
pub const INBOUND: &str = "inbound";
const ALERTS: &str = "alerts";
const CONVERSATIONS: &str = "conversations";

/// Adds facts to the transaction of what they are about.
///
/// # Errors
/// When the database fails.
pub async fn add(
    connection: &mut PgConnection,
    origin: &str,
    facts: Vec<Fact>,
    traceparent: &str,
    now: OffsetDateTime,
) -> store::Result<()> {
    if facts.is_empty() {
        return Ok(());
    }
    let payloads: Vec<_> = facts.chunks(FACTS_PER_MESSAGE).map(|chunk| FactBatch { facts: chunk.to_vec() }.encode_to_vec()).collect();
    store::outbox::add(connection, origin, FACTS, &payloads, traceparent, now).await
}

/// Adds inbound messages to the transaction of what they are about.
///
/// # Errors
/// When the database fails.
pub async fn add_inbound(
    connection: &mut PgConnection,
    origin: &str,
    inbound: Vec<Inbound>,
    traceparent: &str,
    now: OffsetDateTime,
) -> store::Result<()> {
    if inbound.is_empty() {
        return Ok(());
    }
    let payloads: Vec<_> =
        inbound.chunks(FACTS_PER_MESSAGE).map(|chunk| InboundBatch { inbound: chunk.to_vec() }.encode_to_vec()).collect();
    store::outbox::add(connection, origin, INBOUND, &payloads, traceparent, now).await
}

/// A fact about one try of a delivery. The try's number is in its key, so that telling it twice counts once.
#[must_use]
pub fn about(delivery: DeliveryId, kind: FactKind, attempt: u32, sender: SenderId, now: OffsetDateTime) -> Fact {
    Fact {
        key: facts::key(&format!("delivery:{delivery}:{}:{attempt}", kind.as_str_name())).to_vec(),
        kind: kind.into(),
        occurred_at_ms: millis(now),
        delivery_id: delivery.0,
        sender_id: sender.to_string(),
        ..Fact::default()
    }
}

/// Milliseconds since 1970, as facts carry times.
#[must_use]
pub fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn subject(kind: &str) -> Subject {
    match kind {
        INBOUND => Subject::inbound(),
        ALERTS => Subject::alerts(),
        CONVERSATIONS => Subject::conversations(),
        _ => Subject::facts(),
    }
}
