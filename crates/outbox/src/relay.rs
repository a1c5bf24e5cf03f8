//! The one task of a service that publishes what it has written.

use crate::{ALERTS, CONVERSATIONS, FACTS, INBOUND, subject};
use bus::{Bus, Held, Outgoing};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    Db,
    outbox::{self, Waiting},
};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Messages published in one go at most.
const MESSAGES_PER_ROUND: i64 = 64;
/// How long until a look without being woken: finds what another process left behind.
const IDLE: Duration = Duration::from_secs(1);
/// How long the messages of a subject wait after the broker refused one; those of others go on.
const HELD_UP: Duration = Duration::from_millis(500);
/// How often to look for messages that the broker has lost.
const LOST_EVERY: Duration = Duration::from_secs(5);
/// How long a message is believed to be on its way, unless its stream is younger.
const LOST_AFTER: time::Duration = time::Duration::seconds(60);
/// How long the last round may take when the process ends: what is left is the next process's.
const LAST_ROUNDS: Duration = Duration::from_secs(5);

/// Publishes what one service has written. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
    bus: Bus,
    origin: &'static str,
    wake: Arc<Notify>,
}

/// The subjects whose stream takes nothing now, until when.
#[derive(Default)]
struct HeldUp(BTreeMap<String, Instant>);

impl HeldUp {
    fn subjects(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.0.retain(|_, until| *until > now);
        self.0.keys().cloned().collect()
    }
}

/// A connection that leaves the row of a message alone once the message is in DLQ, for consumers of what comes from an outbox: it would
/// be published, and put away, again and again.
#[must_use]
pub fn setting_aside(bus: &Bus, db: &Db) -> Bus {
    let db = db.clone();
    bus.clone().on_buried(move |outbox_id| {
        let db = db.clone();
        async move {
            let set_aside = async { outbox::set_aside(&mut *db.acquire().await?, outbox_id, now()).await };
            set_aside.await.map_err(|error: store::Error| error.to_string())
        }
    })
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

    /// Publishes until shutdown, then once more what is left, for 5 seconds at most.
    pub async fn run(&self, shutdown: CancellationToken) {
        let relay = async { tokio::join!(self.relay(&shutdown), self.recover(&shutdown)) };
        relay.await;
        let last = async { while self.publish_some(&mut HeldUp::default()).await.is_ok_and(|published| published > 0) {} };
        if tokio::time::timeout(LAST_ROUNDS, last).await.is_err() {
            tracing::info!(origin = self.origin, "some facts are left for the next process to publish");
        }
    }

    async fn relay(&self, shutdown: &CancellationToken) {
        let mut held_up = HeldUp::default();
        while !shutdown.is_cancelled() {
            let published = self.publish_some(&mut held_up).await.unwrap_or_else(|error| {
                tracing::warn!(%error, origin = self.origin, "the outbox could not be read; trying again");
                0
            });
            if published == 0 {
                let wait = if held_up.0.is_empty() { IDLE } else { HELD_UP };
                shutdown.run_until_cancelled(tokio::time::timeout(wait, self.wake.notified())).await;
            }
        }
    }

    /// Publishes the oldest messages and marks them; answers how many.
    async fn publish_some(&self, held_up: &mut HeldUp) -> store::Result<usize> {
        let mut tx = self.db.begin().await?;
        let waiting = outbox::take(&mut tx, self.origin, &held_up.subjects(), MESSAGES_PER_ROUND).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let (acked, refused) = self.publish_all(waiting, "").await;
        for (kind, error) in refused {
            tracing::warn!(%error, origin = self.origin, subject = kind, "the broker takes nothing; it stays in the database");
            held_up.0.insert(kind, Instant::now() + HELD_UP);
        }
        let (told, kept): (Vec<_>, Vec<_>) = acked.iter().partition(|(kind, _)| kind == ALERTS || kind == CONVERSATIONS);
        let ids = |acked: Vec<&(String, i64)>| acked.into_iter().map(|(_, id)| *id).collect::<Vec<_>>();
        outbox::mark_published(&mut tx, &ids(kept), now()).await?;
        // An alert is news and nothing else, and so is a message that waits: nobody has to handle it.
        outbox::delete(&mut tx, &ids(told)).await?;
        tx.commit().await?;
        Ok(acked.len())
    }

    /// Answers with the kinds and ids of what was acked, and an error for each kind of which something wasn't.
    async fn publish_all(&self, waiting: Vec<Waiting>, again: &str) -> (Vec<(String, i64)>, BTreeMap<String, bus::Error>) {
        let published = futures::future::join_all(waiting.into_iter().map(async |message| {
            let id = message.outbox_id;
            let message_id = format!("outbox-{id}{again}");
            let outgoing = Outgoing { message_id: &message_id, traceparent: &message.traceparent, outbox_id: Some(id) };
            let result = self.bus.publish_bytes(&subject(&message.subject), message.payload, outgoing).await;
            (message.subject, id, result)
        }));
        let (mut acked, mut refused) = (Vec::new(), BTreeMap::new());
        for (kind, id, result) in published.await {
            match result {
                Ok(()) => acked.push((kind, id)),
                Err(error) => drop(refused.insert(kind, error)),
            }
        }
        (acked, refused)
    }

    async fn recover(&self, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(LOST_EVERY)).await.is_some() {
            for kind in [FACTS, INBOUND] {
                match self.publish_lost(kind, shutdown).await {
                    Ok(0) => {}
                    Ok(count) => {
                        tracing::warn!(count, origin = self.origin, subject = kind, "the broker had lost messages; published again")
                    }
                    Err(error) => tracing::warn!(%error, origin = self.origin, "lost messages could not be looked for; trying again"),
                }
            }
        }
    }

    /// Publishes again what the broker has lost; answers how many.
    async fn publish_lost(&self, kind: &str, shutdown: &CancellationToken) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let before = lost_before(self.bus.held(&subject(kind)).await?, now());
        let mut count = 0;
        while !shutdown.is_cancelled() {
            let now = now();
            let lost = outbox::take_lost(&mut *self.db.acquire().await?, self.origin, kind, before, now, MESSAGES_PER_ROUND).await?;
            let whole = lost.len() as i64 == MESSAGES_PER_ROUND;
            // A new id: the broker may remember the old one without having the message.
            let (acked, refused) = self.publish_all(lost, &format!("-{}", now.unix_timestamp_nanos())).await;
            count += acked.len();
            if let Some(error) = refused.into_values().next() {
                return Err(error.into());
            }
            if !whole {
                break;
            }
        }
        Ok(count)
    }
}

/// Whatever was published before this and is still in the outbox is lost: it isn't in its stream, whose oldest message came later, and
/// nobody has handled it. A stream keeps what waits, so a consumer that is down makes nothing look lost.
fn lost_before(held: Held, now: OffsetDateTime) -> OffsetDateTime {
    let oldest = held.oldest_at.unwrap_or(now);
    held.made_at.max(oldest.min(now - LOST_AFTER))
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_its_stream_cannot_hold_is_lost() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::hours(10);
        let ago = |seconds| now - time::Duration::seconds(seconds);
        let lost = |made_at, oldest_at| lost_before(Held { made_at, oldest_at }, now);
        assert_eq!(lost(ago(3_600), None), ago(60), "an empty stream: what was published a minute ago was neither kept nor handled");
        assert_eq!(lost(ago(3_600), Some(ago(900))), ago(900), "what came after the oldest message may still wait behind it");
        assert_eq!(lost(ago(3_600), Some(ago(5))), ago(60), "what was handled a moment ago may not be committed yet");
        assert_eq!(lost(ago(2), None), ago(2), "nothing survives a stream that was made anew");
    }
}
