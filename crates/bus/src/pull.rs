//! Asking the broker for messages, and finding the way back to it when its stream or the consumer is gone.

use crate::{Bus, Consumer, Delivered, Error, Verdict, header};
use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, PullConsumer, pull},
};
use futures::StreamExt;
use prost::Message;
use std::time::Duration;
use tokio::time::Instant;

/// How long one fetch waits for the first message.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// How long to believe in a consumer that gives nothing. One that is missing makes requests fail at once, but a broker without a
/// quorum just says nothing.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// One consumer's requests. Attaches with the first, and anew after a failure.
pub(crate) struct Pull<'a> {
    bus: &'a Bus,
    consumer: &'a Consumer,
    attached: Option<Attached>,
}

struct Attached {
    pull: PullConsumer,
    heard_at: Instant,
}

impl<'a> Pull<'a> {
    pub fn new(bus: &'a Bus, consumer: &'a Consumer) -> Self {
        Self { bus, consumer, attached: None }
    }

    /// Up to `batch` messages; none when none came in a second.
    ///
    /// # Errors
    /// When the broker can't be reached, or the consumer has vanished; the next call attaches anew.
    pub async fn next<M: Message + Default>(&mut self, batch: usize) -> Result<Vec<Delivered<M>>, Error> {
        let messages = self.fetch(batch).await;
        if messages.is_err() {
            self.attached = None;
        }
        let mut decoded = Vec::new();
        for message in messages? {
            decoded.extend(self.bus.decode(self.consumer, message).await);
        }
        Ok(decoded)
    }

    async fn fetch(&mut self, batch: usize) -> Result<Vec<jetstream::Message>, Error> {
        self.bus.connected()?;
        let attached = match &mut self.attached {
            Some(attached) => attached,
            empty => empty.insert(Attached { pull: self.bus.attach(self.consumer).await?, heard_at: Instant::now() }),
        };
        let failed = |error: &dyn std::fmt::Display| Error::Consume(error.to_string());
        // One is waited for; the others are taken only if they are there. A request is never dropped before it has ended: the
        // broker would go on giving messages to it, and they would come again only after `ack_wait`.
        let first = attached.pull.batch().max_messages(1).expires(FETCH_WAIT).messages().await.map_err(|error| failed(&error))?;
        let mut raw: Vec<_> = first.collect().await;
        if raw.is_empty() {
            attached.check().await?;
        } else {
            attached.heard_at = Instant::now();
            if batch > 1 {
                let more = attached.pull.fetch().max_messages(batch - 1).messages().await.map_err(|error| failed(&error))?;
                // The library sets no time limit on this request: a broker that dies in the middle would hold us for good.
                let mut more = std::pin::pin!(more.take_until(tokio::time::sleep(FETCH_WAIT * 5)));
                while let Some(message) = more.next().await {
                    raw.push(message);
                }
            }
        }
        // What was given before the broker failed is handled all the same; the failure shows again with the next request.
        let mut messages = Vec::with_capacity(raw.len());
        for message in raw {
            match message {
                Ok(message) => messages.push(message),
                Err(error) if messages.is_empty() => return Err(failed(&error)),
                Err(_) => {}
            }
        }
        Ok(messages)
    }
}

impl Attached {
    async fn check(&mut self) -> Result<(), Error> {
        if self.heard_at.elapsed() > CHECK_EVERY {
            self.pull.get_info().await.map_err(|error| Error::Consume(error.to_string()))?;
            self.heard_at = Instant::now();
        }
        Ok(())
    }
}

impl Bus {
    async fn attach(&self, consumer: &Consumer) -> Result<PullConsumer, Error> {
        // The store may have been lost with its streams: facts and hints are made again from the database.
        self.ensure_streams().await?;
        let config = pull::Config {
            durable_name: Some(consumer.durable.clone()),
            filter_subject: consumer.subject.full(&self.prefix),
            ack_policy: AckPolicy::Explicit,
            ack_wait: consumer.ack_wait,
            max_ack_pending: consumer.max_ack_pending,
            // Ours to enforce: what the broker gives up stays in the stream and is never seen again.
            max_deliver: -1,
            ..pull::Config::default()
        };
        self.jetstream
            .create_consumer_on_stream(config, consumer.subject.stream_name(&self.prefix))
            .await
            .map_err(|error| Error::Consume(error.to_string()))
    }

    async fn decode<M: Message + Default>(&self, consumer: &Consumer, raw: jetstream::Message) -> Option<Delivered<M>> {
        let (stream_sequence, deliveries) = raw.info().map_or((0, 1), |info| (info.stream_sequence, info.delivered));
        let text = |name| raw.headers.as_ref().and_then(|headers| headers.get(name)).map(ToString::to_string).unwrap_or_default();
        let (traceparent, outbox_id) = (text(header::TRACEPARENT), text(header::OUTBOX).parse().ok());
        let (message, problem) = match M::decode(raw.payload.clone()) {
            Ok(message) => (message, None),
            Err(error) => (M::default(), Some(format!("can't be decoded: {error}"))),
        };
        // Whoever had it last died over it.
        let worn_out = consumer.max_deliver.is_some_and(|most| deliveries > most);
        let problem = problem.or_else(|| worn_out.then(|| format!("given out {} times, and nobody finished it", deliveries - 1)));
        let delivered = Delivered { message, traceparent, stream_sequence, deliveries, outbox_id, raw };
        match problem {
            None => Some(delivered),
            Some(problem) => {
                self.settle_all(consumer, &[delivered], Verdict::Reject(problem)).await;
                None
            }
        }
    }
}
