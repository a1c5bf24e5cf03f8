//! Working off a stream.

use crate::{Bus, Subject, pull::Pull, settle::with_progress};
use async_nats::jetstream;
use prost::Message;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

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
    /// How often one message is given out at most; then it is put into DLQ. None: until it is acked. Facts are never given up.
    pub max_deliver: Option<i64>,
}

/// What a handler makes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Handled, durably: never give it out again.
    Done,
    /// Not now: give it out again after this long. The last time that it may be given out this is a [`Verdict::Reject`].
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
    /// The row of the outbox that tells the same: to be deleted in the transaction that handles the message.
    pub outbox_id: Option<i64>,
    pub(crate) raw: jetstream::Message,
}

impl<M: Message + Default> Delivered<M> {
    /// The same message once more, decoded anew.
    fn again(&self) -> Self {
        Self {
            message: M::decode(self.raw.payload.clone()).unwrap_or_default(),
            traceparent: self.traceparent.clone(),
            stream_sequence: self.stream_sequence,
            deliveries: self.deliveries,
            outbox_id: self.outbox_id,
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
        let mut pull = Pull::new(self, &consumer);
        while !shutdown.is_cancelled() {
            let messages = match pull.next::<M>(batch).await {
                Ok(messages) => messages,
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.durable, "the broker failed; trying again");
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
                        self.settle_all(&consumer, &one, verdict).await;
                    }
                }
                verdict => self.settle_all(&consumer, &messages, verdict).await,
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
        let mut pull = Pull::new(self, &consumer);
        while !shutdown.is_cancelled() {
            while tasks.try_join_next().is_some() {}
            let Some(slot) = shutdown.run_until_cancelled(slots.clone().acquire_owned()).await.and_then(Result::ok) else { break };
            match pull.next::<M>(1).await {
                Ok(messages) => {
                    let Some(delivered) = messages.into_iter().next() else { continue };
                    let (bus, consumer) = (self.clone(), consumer.clone());
                    let Delivered { message, traceparent, stream_sequence, deliveries, outbox_id, raw } = delivered;
                    let work = handler(message, traceparent.clone());
                    tasks.spawn(async move {
                        let verdict = with_progress(&raw, consumer.ack_wait / 3, work).await;
                        let settled = Delivered { message: M::default(), traceparent, stream_sequence, deliveries, outbox_id, raw };
                        bus.settle_all(&consumer, &[settled], verdict).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.durable, "the broker failed; trying again");
                    pause(BROKER_BACKOFF, &shutdown).await;
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn pause(time: Duration, shutdown: &CancellationToken) {
    shutdown.run_until_cancelled(tokio::time::sleep(time)).await;
}
