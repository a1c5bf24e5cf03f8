//! Working off a stream.

use crate::{Bus, Error, Subject};
use async_nats::{
    HeaderMap,
    jetstream::{
        self, AckKind,
        consumer::{AckPolicy, PullConsumer, pull},
    },
};
use futures::StreamExt;
use prost::Message;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long one fetch waits for the first message.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// How long to wait after the broker failed before asking again.
const BROKER_BACKOFF: Duration = Duration::from_millis(500);

/// Which messages a service works off, and how.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Its name at the broker: replicas that share it share the work.
    pub durable: String,
    pub subject: Subject,
    /// A message neither acked nor touched for this long is given to somebody else.
    pub ack_wait: Duration,
    /// How many messages may be out over all replicas.
    pub max_ack_pending: i64,
    /// How often one message is given out at most; None: until it is acked. Facts are never given up.
    pub max_deliver: Option<i64>,
}

/// What a handler makes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Handled, durably: never give it out again.
    Done,
    /// Not now: give it out again after this long.
    RetryAfter(Duration),
    /// It can never be handled: keep a copy in DLQ with the reason.
    Reject(String),
}

/// A decoded message and where it came from.
#[derive(Debug)]
pub struct Delivered<M> {
    pub message: M,
    pub traceparent: String,
    pub stream_sequence: u64,
    /// 1 the first time.
    pub deliveries: i64,
    raw: jetstream::Message,
}

impl<M: Message + Default> Delivered<M> {
    /// The same message once more, decoded anew.
    fn again(&self) -> Self {
        Self {
            message: M::decode(self.raw.payload.clone()).unwrap_or_default(),
            traceparent: self.traceparent.clone(),
            stream_sequence: self.stream_sequence,
            deliveries: self.deliveries,
            raw: self.raw.clone(),
        }
    }
}

impl Bus {
    /// Hands batches of up to `batch` messages to `handler`, one batch at a time, until shutdown. The verdict holds for the whole
    /// batch; when a batch of several is rejected, its messages are tried one by one, so that only the bad one is put away.
    pub async fn consume<M, H, F>(&self, consumer: Consumer, batch: usize, shutdown: CancellationToken, mut handler: H)
    where
        M: Message + Default,
        H: FnMut(Arc<[Delivered<M>]>) -> F,
        F: Future<Output = Verdict>,
    {
        let mut pull = None;
        while !shutdown.is_cancelled() {
            let messages = match self.fetch::<M>(&consumer, &mut pull, batch).await {
                Ok(messages) => messages,
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.durable, "the broker failed; trying again");
                    pull = None;
                    pause(BROKER_BACKOFF, &shutdown).await;
                    continue;
                }
            };
            if messages.is_empty() {
                continue;
            }
            let messages: Arc<[Delivered<M>]> = messages.into();
            match handler(messages.clone()).await {
                Verdict::Reject(_) if messages.len() > 1 => {
                    for message in &*messages {
                        let one: Arc<[Delivered<M>]> = [message.again()].into();
                        let verdict = handler(one.clone()).await;
                        self.settle_all(&consumer.subject, &one, verdict).await;
                    }
                }
                verdict => self.settle_all(&consumer.subject, &messages, verdict).await,
            }
        }
    }

    /// Hands single messages to `handler`, up to `concurrency` at a time, until shutdown; then waits for those under way. A message
    /// that takes long is kept from being given to others by progress acks.
    pub async fn consume_each<M, H, F>(&self, consumer: Consumer, concurrency: usize, shutdown: CancellationToken, handler: H)
    where
        M: Message + Default + Send + Sync + 'static,
        H: Fn(M, String) -> F,
        F: Future<Output = Verdict> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(concurrency));
        let mut tasks = JoinSet::new();
        let mut pull = None;
        while !shutdown.is_cancelled() {
            while tasks.try_join_next().is_some() {}
            let Some(slot) = shutdown.run_until_cancelled(slots.clone().acquire_owned()).await.and_then(Result::ok) else { break };
            match self.fetch::<M>(&consumer, &mut pull, 1).await {
                Ok(messages) => {
                    let Some(delivered) = messages.into_iter().next() else { continue };
                    let bus = self.clone();
                    let consumer = consumer.clone();
                    let Delivered { message, traceparent, stream_sequence, deliveries, raw } = delivered;
                    let work = handler(message, traceparent.clone());
                    tasks.spawn(async move {
                        let verdict = with_progress(&raw, consumer.ack_wait / 3, work).await;
                        let settled = Delivered { message: M::default(), traceparent, stream_sequence, deliveries, raw };
                        bus.settle_all(&consumer.subject, &[settled], verdict).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.durable, "the broker failed; trying again");
                    pull = None;
                    pause(BROKER_BACKOFF, &shutdown).await;
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn fetch<M: Message + Default>(
        &self,
        consumer: &Consumer,
        pull: &mut Option<PullConsumer>,
        batch: usize,
    ) -> Result<Vec<Delivered<M>>, Error> {
        let pull = match pull {
            Some(pull) => pull,
            empty => empty.insert(self.attach(consumer).await?),
        };
        let failed = |error: &dyn std::fmt::Display| Error::Consume(error.to_string());
        // One is waited for; the others are taken only if they are there. A request is never dropped before it has ended: the
        // broker would go on giving messages to it, and they would come again only after `ack_wait`.
        let first = pull.batch().max_messages(1).expires(FETCH_WAIT).messages().await.map_err(|error| failed(&error))?;
        let mut raw: Vec<_> = first.collect().await;
        if !raw.is_empty() && batch > 1 {
            let more = pull.fetch().max_messages(batch - 1).messages().await.map_err(|error| failed(&error))?;
            // The library sets no time limit on this request: a broker that dies in the middle would hold us for good.
            let mut more = std::pin::pin!(more.take_until(tokio::time::sleep(FETCH_WAIT * 5)));
            while let Some(message) = more.next().await {
                raw.push(message);
            }
        }
        let mut messages = Vec::with_capacity(raw.len());
        for message in raw {
            let message = message.map_err(|error| failed(&error))?;
            messages.extend(self.decode(&consumer.subject, message).await);
        }
        Ok(messages)
    }

    async fn attach(&self, consumer: &Consumer) -> Result<PullConsumer, Error> {
        // The store may have been lost with its streams: facts and hints are made again from the database.
        self.ensure_streams().await?;
        let config = pull::Config {
            durable_name: Some(consumer.durable.clone()),
            filter_subject: consumer.subject.full(&self.prefix),
            ack_policy: AckPolicy::Explicit,
            ack_wait: consumer.ack_wait,
            max_ack_pending: consumer.max_ack_pending,
            max_deliver: consumer.max_deliver.unwrap_or(-1),
            ..pull::Config::default()
        };
        self.jetstream
            .create_consumer_on_stream(config, consumer.subject.stream_name(&self.prefix))
            .await
            .map_err(|error| Error::Consume(error.to_string()))
    }

    async fn decode<M: Message + Default>(&self, subject: &Subject, raw: jetstream::Message) -> Option<Delivered<M>> {
        let (stream_sequence, deliveries) = raw.info().map_or((0, 1), |info| (info.stream_sequence, info.delivered));
        let traceparent = raw.headers.as_ref().and_then(|headers| headers.get("traceparent")).map(ToString::to_string).unwrap_or_default();
        match M::decode(raw.payload.clone()) {
            Ok(message) => Some(Delivered { message, traceparent, stream_sequence, deliveries, raw }),
            Err(error) => {
                let unreadable = Delivered { message: M::default(), traceparent, stream_sequence, deliveries, raw };
                self.settle(subject, &unreadable, Verdict::Reject(format!("can't be decoded: {error}"))).await;
                None
            }
        }
    }

    async fn settle_all<M>(&self, subject: &Subject, messages: &[Delivered<M>], verdict: Verdict) {
        futures::future::join_all(messages.iter().map(|message| self.settle(subject, message, verdict.clone()))).await;
    }

    /// An ack that is lost only means that the message comes again, which every handler must bear.
    async fn settle<M>(&self, subject: &Subject, message: &Delivered<M>, verdict: Verdict) {
        let kind = match verdict {
            Verdict::Done => AckKind::Ack,
            Verdict::RetryAfter(delay) => AckKind::Nak(Some(delay)),
            Verdict::Reject(reason) => match self.bury(subject, message, &reason).await {
                Ok(()) => AckKind::Term,
                Err(error) => {
                    tracing::error!(%error, reason, "a message that can't be handled could not be put away; it comes again");
                    AckKind::Nak(Some(Duration::from_secs(5)))
                }
            },
        };
        if let Err(error) = message.raw.ack_with(kind).await {
            tracing::warn!(%error, sequence = message.stream_sequence, "an ack was not sent; the message comes again");
        }
    }

    async fn bury<M>(&self, subject: &Subject, message: &Delivered<M>, reason: &str) -> Result<(), Error> {
        tracing::error!(reason, stream = subject.stream, sequence = message.stream_sequence, "a message was put into DLQ");
        let mut headers = HeaderMap::new();
        headers.insert("fanfare-reason", reason.replace(['\r', '\n'], " "));
        headers.insert("fanfare-subject", message.raw.subject.as_str());
        headers.insert("fanfare-deliveries", message.deliveries.to_string());
        let id = format!("dead-{}-{}", subject.stream, message.stream_sequence);
        self.publish_message(Subject::dead_letters(subject).full(&self.prefix), message.raw.payload.to_vec(), headers, &id).await
    }
}

async fn with_progress<F: Future<Output = Verdict>>(raw: &jetstream::Message, every: Duration, work: F) -> Verdict {
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

async fn pause(time: Duration, shutdown: &CancellationToken) {
    shutdown.run_until_cancelled(tokio::time::sleep(time)).await;
}
