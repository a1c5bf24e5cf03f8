//! Subjects: work is imperative, facts are past tense; each starts with the installation's prefix.

use domain::Channel;

/// Where a message goes, the prefix left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub(crate) stream: &'static str,
    pub(crate) tail: String,
}

impl Subject {
    /// Jobs for the dispatchers of a channel.
    #[must_use]
    pub fn send(channel: Channel) -> Self {
        Self { stream: "SEND", tail: format!("send.{channel}") }
    }

    /// Jobs for the dispatchers of a channel that don't wait behind others.
    #[must_use]
    pub fn send_fast(channel: Channel) -> Self {
        Self { stream: "SEND", tail: format!("send.{channel}.fast") }
    }

    /// Facts about deliveries, for analytics.
    #[must_use]
    pub fn facts() -> Self {
        Self { stream: "EVENTS", tail: "delivery.happened.v1".to_owned() }
    }

    /// What people sent us.
    #[must_use]
    pub fn inbound() -> Self {
        Self { stream: "INBOUND", tail: "inbound.received.v1".to_owned() }
    }

    /// What a person should know, for whoever listens.
    #[must_use]
    pub fn alerts() -> Self {
        Self { stream: "ALERT", tail: "alert.raised.v1".to_owned() }
    }

    /// Messages of people that wait for whoever answers: an assistant, or a console.
    #[must_use]
    pub fn conversations() -> Self {
        Self { stream: "CONVERSATION", tail: "conversation.message.received.v1".to_owned() }
    }

    /// Copies of messages of a stream that could not be handled, all of them: to be consumed, not published to.
    #[must_use]
    pub fn dead_letters(of: &Self) -> Self {
        Self::dead_letter(of, ">")
    }

    /// The copy of one message.
    pub(crate) fn dead_letter(of: &Self, name: &str) -> Self {
        Self { stream: "DLQ", tail: format!("dead.{}.{name}", of.stream.to_lowercase()) }
    }

    pub(crate) fn full(&self, prefix: &str) -> String {
        format!("{prefix}.{}", self.tail)
    }

    pub(crate) fn stream_name(&self, prefix: &str) -> String {
        stream_name(prefix, self.stream)
    }
}

pub(crate) fn stream_name(prefix: &str, stream: &str) -> String {
    format!("{prefix}_{stream}")
}
