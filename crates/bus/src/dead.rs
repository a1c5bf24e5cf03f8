//! Messages that nobody could handle: kept in DLQ for 30 days, to be looked at, given out again or dropped. Of a message that comes
//! again and again, as a job does whose row stays, the last copy is kept.

use crate::{Bus, Error, header, subject::stream_name};
use async_nats::{
    HeaderMap,
    jetstream::{
        message::StreamMessage,
        stream::{RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use time::OffsetDateTime;

/// A message that could not be handled.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its place in DLQ.
    pub sequence: u64,
    /// Where it came from, the prefix left out: `delivery.happened.v1`.
    pub subject: String,
    pub reason: String,
    /// How often it was given out.
    pub deliveries: u32,
    /// When it was put away.
    pub at: OffsetDateTime,
    /// Its row of the outbox, which is left alone as long as the message is here.
    pub outbox_id: Option<i64>,
    pub traceparent: String,
    /// The payload's size.
    pub bytes: usize,
    /// Empty in a page.
    pub payload: Bytes,
}

/// A page of dead letters, oldest first.
#[derive(Debug, Clone)]
pub struct Letters {
    pub letters: Vec<DeadLetter>,
    /// Where the next page begins; None at the end.
    pub next: Option<u64>,
}

/// How far DLQ goes.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub total: u64,
    pub last_sequence: u64,
}

fn failed(error: &impl std::fmt::Display) -> Error {
    Error::DeadLetters(error.to_string())
}

impl Bus {
    /// Up to `limit` dead letters from a place on; `of` is a stream's name in small letters, None all streams. Payloads are left out.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn dead_letters(&self, of: Option<&str>, from: u64, limit: usize) -> Result<Letters, Error> {
        let stream = self.dlq().await?;
        let subject = of.map_or_else(|| format!("{}.dead.>", self.prefix), |of| format!("{}.dead.{of}.>", self.prefix));
        let (mut letters, mut next) = (Vec::new(), from.max(1));
        loop {
            let found = match stream.raw_message_builder().sequence(next).next_by_subject(subject.as_str()).send().await {
                Ok(found) => found,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(Letters { letters, next: None }),
                Err(error) => return Err(failed(&error)),
            };
            // One more than asked for says whether there is a next page.
            if letters.len() == limit {
                return Ok(Letters { letters, next: Some(found.sequence) });
            }
            next = found.sequence + 1;
            letters.push(DeadLetter { payload: Bytes::new(), ..self.letter(found) });
        }
    }

    /// One dead letter; None when it isn't there (any more).
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn dead_letter(&self, sequence: u64) -> Result<Option<DeadLetter>, Error> {
        match self.dlq().await?.get_raw_message(sequence).await {
            Ok(found) => Ok(Some(self.letter(found))),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Publishes a dead letter again where it came from, and removes it; `message_id` must be new. Publishing it twice, after a crash
    /// between the two, is what every handler bears.
    ///
    /// # Errors
    /// When the broker can't be reached, or its stream is full; then the letter stays.
    pub async fn replay_dead_letter(&self, letter: &DeadLetter, message_id: &str) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        if !letter.traceparent.is_empty() {
            headers.insert(header::TRACEPARENT, letter.traceparent.as_str());
        }
        if let Some(id) = letter.outbox_id {
            headers.insert(header::OUTBOX, id.to_string());
        }
        let subject = format!("{}.{}", self.prefix, letter.subject);
        self.publish_message(subject, letter.payload.clone(), headers, message_id).await?;
        self.drop_dead_letter(letter.sequence).await
    }

    /// Removes a dead letter. One that isn't there is no error.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn drop_dead_letter(&self, sequence: u64) -> Result<(), Error> {
        match self.dlq().await?.delete_message(sequence).await {
            Ok(_) => Ok(()),
            Err(error) => match self.dead_letter(sequence).await? {
                Some(_) => Err(failed(&error)),
                None => Ok(()),
            },
        }
    }

    /// How many dead letters there are, and the last place that was taken.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub async fn dead_letters_extent(&self) -> Result<Extent, Error> {
        let dlq = self.dlq().await?;
        let state = &dlq.cached_info().state;
        Ok(Extent { total: state.messages, last_sequence: state.last_sequence })
    }

    async fn dlq(&self) -> Result<Stream, Error> {
        self.connected()?;
        self.jetstream.get_stream(stream_name(&self.prefix, "DLQ")).await.map_err(|error| failed(&error))
    }

    fn letter(&self, message: StreamMessage) -> DeadLetter {
        let text = |name| message.headers.get(name).map(ToString::to_string).unwrap_or_default();
        let subject = text(header::SUBJECT);
        DeadLetter {
            sequence: message.sequence,
            subject: subject.strip_prefix(&format!("{}.", self.prefix)).unwrap_or(&subject).to_owned(),
            reason: text(header::REASON),
            deliveries: text(header::DELIVERIES).parse().unwrap_or(1),
            at: message.time,
            outbox_id: text(header::OUTBOX).parse().ok(),
            traceparent: text(header::TRACEPARENT),
            bytes: message.payload.len(),
            payload: message.payload,
        }
    }
}
