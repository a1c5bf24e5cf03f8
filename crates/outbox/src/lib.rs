//! Facts from the ledger to the broker: written with the change they are about, published afterwards, at least once (ADR 1).
//!
//! [`add`] goes into the transaction that changes the ledger; [`Outbox::run`] is the one task of a service that publishes. The fold
//! counts each fact once by its key, so publishing one again after a crash changes nothing.

use bus::{Bus, Subject};
use prost::Message;
use proto::event::{Fact, FactBatch, Inbound, InboundBatch};
use std::{sync::Arc, time::Duration};
use store::{Db, PgConnection};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Facts in one message at most.
pub const FACTS_PER_MESSAGE: usize = 500;
/// Messages published in one go at most.
const MESSAGES_PER_ROUND: i64 = 64;
/// How long until a look without being woken: finds what another process left behind.
const IDLE: Duration = Duration::from_secs(1);
const FACTS: &str = "facts";
const INBOUND: &str = "inbound";

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

/// Milliseconds since 1970, as facts carry times.
#[must_use]
pub fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Publishes what one service has written. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
    bus: Bus,
    origin: &'static str,
    wake: Arc<Notify>,
}

impl Outbox {
    #[must_use]
    pub fn new(db: Db, bus: Bus, origin: &'static str) -> Self {
        Self { db, bus, origin, wake: Arc::new(Notify::new()) }
    }

    /// Says that something was committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Publishes until shutdown, then once more what is left.
    pub async fn run(&self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.publish_some().await {
                Ok(0) => {
                    let woken = shutdown.run_until_cancelled(tokio::time::timeout(IDLE, self.wake.notified())).await;
                    if woken.is_none() {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, origin = self.origin, "facts could not be published; trying again");
                    shutdown.run_until_cancelled(tokio::time::sleep(IDLE)).await;
                }
            }
        }
        if let Err(error) = self.drain().await {
            tracing::warn!(%error, origin = self.origin, "some facts are left for the next process to publish");
        }
    }

    async fn drain(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        while self.publish_some().await? > 0 {}
        Ok(())
    }

    /// Publishes the oldest messages and deletes them; answers how many.
    async fn publish_some(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let mut tx = self.db.begin().await?;
        let waiting = store::outbox::take(&mut tx, self.origin, MESSAGES_PER_ROUND).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let ids: Vec<_> = waiting.iter().map(|message| message.outbox_id).collect();
        futures::future::try_join_all(waiting.into_iter().map(|message| async move {
            let id = format!("outbox-{}", message.outbox_id);
            let subject = if message.subject == INBOUND { Subject::inbound() } else { Subject::facts() };
            self.bus.publish_bytes(&subject, message.payload, &id, &message.traceparent).await
        }))
        .await?;
        store::outbox::delete(&mut tx, &ids).await?;
        tx.commit().await.map_err(store::Error::from)?;
        Ok(ids.len())
    }
}
