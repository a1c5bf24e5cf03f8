//! The connection, and publishing over it.

use crate::{Subject, header, settle::OnBuried};
use async_nats::{
    ConnectOptions, HeaderMap, ServerAddr,
    connection::State,
    jetstream::{
        self,
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use bytes::Bytes;
use prost::Message;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long a publish waits for the broker's ack.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits in all: there may be no room among the publishes under way.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(6);
/// Publishes under way at once.
const MAX_IN_FLIGHT: usize = 1_000;

/// The broker could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("NATS can't be reached: {0}")]
    Connect(String),
    #[error("stream {stream} can't be made: {reason}")]
    Stream { stream: &'static str, reason: String },
    /// Not acked: it may or may not be stored. Publishing again with the same message id is harmless.
    #[error("the broker did not take the message: {0}")]
    Publish(String),
    #[error("the consumer failed: {0}")]
    Consume(String),
    #[error("the dead letters can't be read: {0}")]
    DeadLetters(String),
    #[error("there is no stream {0}")]
    UnknownStream(String),
}

/// A connection to the broker that mends itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) prefix: String,
    pub(crate) replicas: usize,
    /// Sizes that differ from the usual ones.
    pub(crate) sizes: Arc<BTreeMap<&'static str, i64>>,
    pub(crate) on_buried: Option<OnBuried>,
    /// When the streams were made again.
    mended: Arc<Mutex<Option<Instant>>>,
}

/// What travels beside a message's payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outgoing<'a> {
    /// A second message with the same id within two minutes is dropped.
    pub message_id: &'a str,
    /// W3C traceparent; may be empty.
    pub traceparent: &'a str,
    /// The row that is to be deleted by who handles the message.
    pub outbox_id: Option<i64>,
}

impl Bus {
    /// Connects to `nats://[user:password@]host:port`. `prefix` starts every subject and stream name, so that several installations
    /// can share a server; `replicas` is on how many servers the streams are kept.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn connect(url: &str, prefix: &str, replicas: usize) -> Result<Self, Error> {
        Self::open(url, prefix, replicas, false).await
    }

    /// The same without waiting: connects as soon as a server answers, for who can do without the broker for a time.
    ///
    /// # Errors
    /// When the URL is none.
    pub async fn connect_later(url: &str, prefix: &str, replicas: usize) -> Result<Self, Error> {
        Self::open(url, prefix, replicas, true).await
    }

    async fn open(url: &str, prefix: &str, replicas: usize, later: bool) -> Result<Self, Error> {
        let address: ServerAddr = url.parse().map_err(|error: std::io::Error| Error::Connect(error.to_string()))?;
        let options = match (address.username(), address.password()) {
            (Some(user), Some(password)) => ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned()),
            (Some(token), None) => ConnectOptions::with_token(token.to_owned()),
            (None, _) => ConnectOptions::new(),
        };
        let options = if later { options.retry_on_initial_connect() } else { options };
        let client = options
            .name("fanfare")
            .max_reconnects(None)
            .reconnect_delay_callback(|attempts| Duration::from_millis(50 << attempts.min(5)))
            .connect(address)
            .await
            .map_err(|error| Error::Connect(error.to_string()))?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .ack_timeout(ACK_TIMEOUT)
            .max_ack_inflight(MAX_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let (sizes, mended) = (Arc::default(), Arc::default());
        Ok(Self { client, jetstream, prefix: prefix.to_owned(), replicas, sizes, on_buried: None, mended })
    }

    /// Publishes one message and waits until it is stored. A second message with the same id within two minutes is dropped.
    ///
    /// # Errors
    /// [`Error::Publish`] when there is no connection, no ack came in 5 seconds, or the stream is full.
    pub async fn publish<M: Message>(&self, subject: &Subject, message: &M, message_id: &str, traceparent: &str) -> Result<(), Error> {
        self.publish_bytes(subject, message.encode_to_vec(), Outgoing { message_id, traceparent, outbox_id: None }).await
    }

    /// The same for a message that is encoded already.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    pub async fn publish_bytes(&self, subject: &Subject, payload: impl Into<Bytes>, outgoing: Outgoing<'_>) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        if !outgoing.traceparent.is_empty() {
            headers.insert(header::TRACEPARENT, outgoing.traceparent);
        }
        if let Some(id) = outgoing.outbox_id {
            headers.insert(header::OUTBOX, id.to_string());
        }
        self.publish_message(subject.full(&self.prefix), payload.into(), headers, outgoing.message_id).await
    }

    /// Makes the streams again when the broker has lost them.
    pub(crate) async fn publish_message(&self, subject: String, payload: Bytes, headers: HeaderMap, message_id: &str) -> Result<(), Error> {
        self.connected()?;
        match self.try_publish(subject.clone(), payload.clone(), headers.clone(), message_id).await {
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                self.mend().await?;
                self.try_publish(subject, payload, headers, message_id).await
            }
            done => done,
        }
        .map_err(|error| Error::Publish(error.to_string()))
    }

    async fn try_publish(&self, subject: String, payload: Bytes, headers: HeaderMap, message_id: &str) -> Result<(), PublishError> {
        let message = PublishMessage::build().payload(payload).headers(headers).message_id(message_id);
        let publish = async { self.jetstream.send_publish(subject, message).await?.await };
        timeout(PUBLISH_TIMEOUT, publish).await.map_err(|_| PublishError::new(PublishErrorKind::TimedOut))??;
        Ok(())
    }

    /// The streams are gone: the broker's store was lost. Of many that notice, one makes them again.
    async fn mend(&self) -> Result<(), Error> {
        let noticed = Instant::now();
        let mut mended = self.mended.lock().await;
        if mended.is_some_and(|at| at > noticed) {
            return Ok(());
        }
        tracing::warn!("the broker has lost its streams; making them again");
        self.ensure_streams().await?;
        *mended = Some(Instant::now());
        Ok(())
    }

    /// Without a connection the client would keep what it is given, and send it long after anybody waits for it.
    pub(crate) fn connected(&self) -> Result<(), Error> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            state => Err(Error::Connect(state.to_string())),
        }
    }

    /// Whether the broker answers, for readiness.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), Error> {
        self.connected()?;
        self.flush().await?;
        self.connected()
    }

    /// Sends what is buffered; for the end of a process.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn flush(&self) -> Result<(), Error> {
        let flushed = timeout(ACK_TIMEOUT, self.client.flush()).await.map_err(|_| Error::Connect("no answer".to_owned()))?;
        flushed.map_err(|error| Error::Connect(error.to_string()))
    }
}
