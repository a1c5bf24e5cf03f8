//! The streams there are, with their limits.

use crate::{Bus, Error, subject::stream_name};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use std::time::Duration;

const MIB: i64 = 1 << 20;

/// `max_bytes` is reserved on the broker's disk, which must have room for the sum: 6.5 GiB, on each replica.
struct Stream {
    name: &'static str,
    subjects: &'static str,
    retention: RetentionPolicy,
    max_bytes: i64,
    max_age: Duration,
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// What has one consumer is forgotten when that has handled it (ADR 4): a full stream then means work that waits, never history.
const STREAMS: [Stream; 5] = [
    Stream { name: "SEND", subjects: "send.>", retention: RetentionPolicy::WorkQueue, max_bytes: 512 * MIB, max_age: days(7) },
    Stream { name: "EVENTS", subjects: "delivery.>", retention: RetentionPolicy::WorkQueue, max_bytes: 4096 * MIB, max_age: days(3) },
    Stream { name: "INBOUND", subjects: "inbound.>", retention: RetentionPolicy::WorkQueue, max_bytes: 512 * MIB, max_age: days(7) },
    Stream { name: "TRACK", subjects: "track.>", retention: RetentionPolicy::Limits, max_bytes: 1024 * MIB, max_age: days(3) },
    Stream { name: "DLQ", subjects: "dead.>", retention: RetentionPolicy::Limits, max_bytes: 512 * MIB, max_age: days(30) },
];

impl Bus {
    /// Makes the streams that are missing, and brings the limits of the others up to date. Every service calls it as it starts.
    ///
    /// # Errors
    /// When the broker can't be reached, or refuses a setting.
    pub async fn ensure_streams(&self) -> Result<(), Error> {
        for stream in &STREAMS {
            self.jetstream
                .create_or_update_stream(Config {
                    name: stream_name(&self.prefix, stream.name),
                    subjects: vec![format!("{}.{}", self.prefix, stream.subjects)],
                    retention: stream.retention,
                    // A full stream refuses new messages, so that none is lost silently: publishers wait, ingest answers 503.
                    discard: DiscardPolicy::New,
                    max_bytes: stream.max_bytes,
                    max_age: stream.max_age,
                    storage: StorageType::File,
                    num_replicas: self.replicas,
                    allow_direct: true,
                    ..Config::default()
                })
                .await
                .map_err(|error| Error::Stream { stream: stream.name, reason: error.to_string() })?;
        }
        Ok(())
    }
}
