//! Verdicts into acks, and what can't be handled into DLQ.

use crate::{Bus, Consumer, Delivered, Error, Subject, Verdict, header};
use async_nats::{
    HeaderMap,
    header::NATS_ROLLUP,
    jetstream::{self, AckKind},
};
use futures::future::BoxFuture;
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// How long to wait with a message that could not be put away.
const BURY_AGAIN: Duration = Duration::from_secs(5);

type Keep = dyn Fn(i64) -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// What is done with the row of the outbox whose message was put into DLQ.
#[derive(Clone)]
pub(crate) struct OnBuried(Arc<Keep>);

impl fmt::Debug for OnBuried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnBuried")
    }
}

impl Bus {
    /// The same connection, which calls `keep` with the outbox id of each message that it puts into DLQ, before that is acked. A
    /// failure makes the message come again.
    #[must_use]
    pub fn on_buried<F>(mut self, keep: impl Fn(i64) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.on_buried = Some(OnBuried(Arc::new(move |id| Box::pin(keep(id)))));
        self
    }

    pub(crate) async fn settle_all<M>(&self, consumer: &Consumer, messages: &[Delivered<M>], verdict: Verdict) {
        futures::future::join_all(messages.iter().map(|message| self.settle(consumer, message, verdict.clone()))).await;
    }

    /// An ack that is lost only means that the message comes again, which every handler must bear.
    async fn settle<M>(&self, consumer: &Consumer, message: &Delivered<M>, verdict: Verdict) {
        let kind = match final_verdict(verdict, message.deliveries, consumer.max_deliver) {
            Verdict::Done => AckKind::Ack,
            Verdict::RetryAfter(delay) => AckKind::Nak(Some(delay)),
            Verdict::Reject(reason) => match self.bury(&consumer.subject, message, &reason).await {
                Ok(()) => AckKind::Term,
                Err(error) => {
                    tracing::error!(error, reason, "a message that can't be handled could not be put away; it comes again");
                    AckKind::Nak(Some(BURY_AGAIN))
                }
            },
        };
        if let Err(error) = message.raw.ack_with(kind).await {
            tracing::warn!(%error, sequence = message.stream_sequence, "an ack was not sent; the message comes again");
        }
    }

    async fn bury<M>(&self, subject: &Subject, message: &Delivered<M>, reason: &str) -> Result<(), String> {
        tracing::error!(reason, stream = subject.stream, sequence = message.stream_sequence, "a message was put into DLQ");
        let mut headers = HeaderMap::new();
        headers.insert(header::REASON, reason.replace(['\r', '\n'], " "));
        headers.insert(header::SUBJECT, message.raw.subject.as_str());
        headers.insert(header::DELIVERIES, message.deliveries.to_string());
        headers.insert(NATS_ROLLUP, "sub");
        if !message.traceparent.is_empty() {
            headers.insert(header::TRACEPARENT, message.traceparent.as_str());
        }
        if let Some(id) = message.outbox_id {
            headers.insert(header::OUTBOX, id.to_string());
        }
        // Sequences start anew in a stream that was made again; times don't.
        let published = message.raw.info().map_or(0, |info| info.published.unix_timestamp_nanos());
        let id = format!("dead-{}-{}-{published}", subject.stream, message.stream_sequence);
        let to = Subject::dead_letter(subject, &name(message)).full(&self.prefix);
        self.publish_message(to, message.raw.payload.clone(), headers, &id).await.map_err(|error: Error| error.to_string())?;
        match (&self.on_buried, message.outbox_id) {
            (Some(OnBuried(keep)), Some(id)) => keep(id).await,
            _ => Ok(()),
        }
    }
}

/// The same for every copy of a message: its row of the outbox, or what it says.
fn name<M>(message: &Delivered<M>) -> String {
    message.outbox_id.map_or_else(
        || {
            // Should another release hash otherwise, one letter more is kept.
            let mut hasher = DefaultHasher::new();
            message.raw.payload.hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        },
        |id| id.to_string(),
    )
}

/// The last time that a message may be given out, "not now" would mean "never", and nobody would know.
fn final_verdict(verdict: Verdict, deliveries: i64, max_deliver: Option<i64>) -> Verdict {
    match (verdict, max_deliver) {
        (Verdict::RetryAfter(_), Some(most)) if deliveries >= most => Verdict::Reject(format!("not handled in {deliveries} tries")),
        (verdict, _) => verdict,
    }
}

/// Runs the work on a message, and keeps the message from being given to others meanwhile.
pub(crate) async fn with_progress<F: Future<Output = Verdict>>(raw: &jetstream::Message, every: Duration, work: F) -> Verdict {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(every, &mut work).await {
            Ok(verdict) => return verdict,
            Err(_) => {
                if let Err(error) = raw.ack_with(AckKind::Progress).await {
                    tracing::warn!(%error, "a progress ack was not sent");
                }
            }
        }
    }
}
