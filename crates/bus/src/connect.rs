//! The connection, and publishing over it.

use crate::Subject;
use async_nats::{
    ConnectOptions, HeaderMap, ServerAddr,
    jetstream::{self, message::PublishMessage},
};
use prost::Message;
use std::time::Duration;

/// How long a publish waits for the broker's ack.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

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
}

/// A connection to the broker that mends itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) prefix: String,
    pub(crate) replicas: usize,
}

impl Bus {
    /// Connects to `nats://[user:password@]host:port`. `prefix` starts every subject and stream name, so that several installations
    /// can share a server; `replicas` is on how many servers the streams are kept.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn connect(url: &str, prefix: &str, replicas: usize) -> Result<Self, Error> {
        let address: ServerAddr = url.parse().map_err(|error: std::io::Error| Error::Connect(error.to_string()))?;
        let options = match (address.username(), address.password()) {
            (Some(user), Some(password)) => ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned()),
            (Some(token), None) => ConnectOptions::with_token(token.to_owned()),
            (None, _) => ConnectOptions::new(),
        };
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
            .max_ack_inflight(1_000)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Ok(Self { client, jetstream, prefix: prefix.to_owned(), replicas })
    }

    /// Publishes one message and waits until it is stored. A second message with the same id within two minutes is dropped.
    ///
    /// # Errors
    /// [`Error::Publish`] when no ack came in 5 seconds, or the stream is full.
    pub async fn publish<M: Message>(&self, subject: &Subject, message: &M, message_id: &str, traceparent: &str) -> Result<(), Error> {
        self.publish_bytes(subject, message.encode_to_vec(), message_id, traceparent).await
    }

    /// The same for a message that is encoded already.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    pub async fn publish_bytes(&self, subject: &Subject, payload: Vec<u8>, message_id: &str, traceparent: &str) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        if !traceparent.is_empty() {
            headers.insert("traceparent", traceparent);
        }
        self.publish_message(subject.full(&self.prefix), payload, headers, message_id).await
    }

    pub(crate) async fn publish_message(
        &self,
        subject: String,
        payload: Vec<u8>,
        headers: HeaderMap,
        message_id: &str,
    ) -> Result<(), Error> {
        let message = PublishMessage::build().payload(payload.into()).headers(headers).message_id(message_id);
        let ack = self.jetstream.send_publish(subject, message).await.map_err(|error| Error::Publish(error.to_string()))?;
        ack.await.map_err(|error| Error::Publish(error.to_string()))?;
        Ok(())
    }

    /// Whether the broker answers, for readiness.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), Error> {
        self.client.flush().await.map_err(|error| Error::Connect(error.to_string()))?;
        match self.client.connection_state() {
            async_nats::connection::State::Connected => Ok(()),
            state => Err(Error::Connect(state.to_string())),
        }
    }

    /// Sends what is buffered; for the end of a process.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn flush(&self) -> Result<(), Error> {
        self.client.flush().await.map_err(|error| Error::Connect(error.to_string()))
    }
}
