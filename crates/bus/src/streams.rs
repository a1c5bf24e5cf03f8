//! The streams there are, with their limits.

use crate::{Bus, Error, Subject, subject::stream_name};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use time::OffsetDateTime;

const MIB: i64 = 1 << 20;

/// `max_bytes` is reserved on the broker's disk, which must have room for the sum: 6.6 GiB, on each replica.
struct Stream {
    name: &'static str,
    subjects: &'static str,
    retention: RetentionPolicy,
    /// New: a full stream refuses new messages, so that none is lost silently; publishers wait.
    discard: DiscardPolicy,
    max_bytes: i64,
    max_age: Duration,
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// What has one consumer is forgotten when that has handled it (ADR 4): a full stream then means work that waits, never history.
const fn work(name: &'static str, subjects: &'static str, mib: i64, age: Duration) -> Stream {
    Stream { name, subjects, retention: RetentionPolicy::WorkQueue, discard: DiscardPolicy::New, max_bytes: mib * MIB, max_age: age }
}

const fn log(name: &'static str, subjects: &'static str, discard: DiscardPolicy, mib: i64, age: Duration) -> Stream {
    Stream { name, subjects, retention: RetentionPolicy::Limits, discard, max_bytes: mib * MIB, max_age: age }
}

const STREAMS: [Stream; 7] = [
    work("SEND", "send.>", 512, days(7)),
    work("EVENTS", "delivery.>", 4096, days(3)),
    work("INBOUND", "inbound.>", 512, days(7)),
    log("TRACK", "track.>", DiscardPolicy::New, 1024, days(3)),
    log("DLQ", "dead.>", DiscardPolicy::New, 512, days(30)),
    // News, whether anybody listens or not: the alerts themselves are in the database.
    log("ALERT", "alert.>", DiscardPolicy::Old, 64, days(7)),
    // News too: which messages wait for whom is in the database.
    log("CONVERSATION", "conversation.>", DiscardPolicy::Old, 64, days(7)),
];

/// What of a subject the broker has.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// When the stream was made: nothing from before is in it.
    pub made_at: OffsetDateTime,
    /// When the oldest message that is still in it came; None when it is empty.
    pub oldest_at: Option<OffsetDateTime>,
}

impl Bus {
    /// The same connection with other sizes for some streams, in bytes by the stream's name, for small disks and for tests. All
    /// services of an installation must be told the same.
    ///
    /// # Errors
    /// When a name is no stream's.
    pub fn with_sizes<'a>(mut self, sizes: impl IntoIterator<Item = (&'a str, i64)>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        for (name, bytes) in sizes {
            let stream = STREAMS.iter().find(|stream| stream.name == name).ok_or_else(|| Error::UnknownStream(name.to_owned()))?;
            known.insert(stream.name, bytes);
        }
        self.sizes = Arc::new(known);
        Ok(self)
    }

    /// Makes the streams that are missing, and brings the limits of the others up to date. Every service calls it as it starts.
    ///
    /// # Errors
    /// When the broker can't be reached, or refuses a setting.
    pub async fn ensure_streams(&self) -> Result<(), Error> {
        self.connected()?;
        for stream in &STREAMS {
            self.jetstream
                .create_or_update_stream(Config {
                    name: stream_name(&self.prefix, stream.name),
                    subjects: vec![format!("{}.{}", self.prefix, stream.subjects)],
                    retention: stream.retention,
                    discard: stream.discard,
                    max_bytes: self.sizes.get(stream.name).copied().unwrap_or(stream.max_bytes),
                    max_age: stream.max_age,
                    storage: StorageType::File,
                    num_replicas: self.replicas,
                    allow_direct: true,
                    // A letter replaces an earlier one of the same message.
                    allow_rollup: stream.name == "DLQ",
                    ..Config::default()
                })
                .await
                .map_err(|error| Error::Stream { stream: stream.name, reason: error.to_string() })?;
        }
        Ok(())
    }

    /// Deletes all streams with what is in them, as a lost store does: for tests, and before a prefix is given up.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn delete_streams(&self) -> Result<(), Error> {
        for stream in &STREAMS {
            let deleted = self.jetstream.delete_stream(stream_name(&self.prefix, stream.name)).await;
            deleted.map_err(|error| Error::Stream { stream: stream.name, reason: error.to_string() })?;
        }
        Ok(())
    }

    /// What the broker still has of a subject; makes its stream when it is missing.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn held(&self, subject: &Subject) -> Result<Held, Error> {
        self.connected()?;
        let failed = |error: &dyn std::fmt::Display| Error::Stream { stream: subject.stream, reason: error.to_string() };
        let name = subject.stream_name(&self.prefix);
        let found = match self.jetstream.get_stream(&name).await {
            Ok(found) => found,
            Err(_) => {
                self.ensure_streams().await?;
                self.jetstream.get_stream(&name).await.map_err(|error| failed(&error))?
            }
        };
        let oldest = found.raw_message_builder().sequence(1).next_by_subject(subject.full(&self.prefix)).send();
        let oldest_at = match oldest.await {
            Ok(oldest) => Some(oldest.time),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => None,
            Err(error) => return Err(failed(&error)),
        };
        Ok(Held { made_at: found.cached_info().created, oldest_at })
    }
}
