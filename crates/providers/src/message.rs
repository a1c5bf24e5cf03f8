//! One message on its way out, and what became of it.

use domain::content::Rendered;
use std::time::Duration;

/// One message to one recipient, rendered and ready.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it goes: an e-mail address, or a phone number in E.164.
    pub to: String,
    /// The recipient's name for display, if known.
    pub to_name: Option<String>,
    pub content: Rendered,
    /// Opaque, at most 120 of `[A-Za-z0-9_.-]`; comes back with every report on this message.
    pub correlation: String,
    /// Where this message's status reports should be posted, the correlation included (providers that take one a message).
    pub status_callback: Option<String>,
    /// One-click unsubscribe link (RFC 8058) for e-mail.
    pub unsubscribe_url: Option<String>,
}

/// What became of a message, in the only three classes that matter for sending it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took responsibility for it.
    Accepted { provider_message_id: String },
    /// Certainly not accepted.
    Refused(Fault),
    /// Nobody can say: a time-out after the request left, a reset, a 5xx, an unreadable success. Never re-sent by a timer.
    Uncertain(Fault),
}

/// Why a message was not (or perhaps not) accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The provider's own code (`21610`, `131050`, `5.1.1`), or `timeout`, `connect`, `reset`, `http_500`, `garbage`.
    pub code: String,
    /// A short text for a person; never an address, never a secret.
    pub detail: String,
    pub action: FaultAction,
}

/// What follows from a refusal. The tables are each provider's `errors.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// A passing fault: try again after the backoff, or after what the provider asked for.
    Retry { after: Option<Duration> },
    /// The sender goes too fast: slow it down for all, then try again.
    Throttle { after: Option<Duration> },
    /// This message will never be accepted.
    Permanent,
    /// The address is no address on this channel.
    InvalidAddress,
    /// The person opted out at the provider: register it, never again.
    OptOut,
    /// The account or sender can't send at all until a person mends it.
    PauseSender,
}

/// Hands messages to one provider account. Cheap to share; keeps its connections warm.
#[async_trait::async_trait]
pub trait Send: Sync + std::marker::Send {
    /// Sends one message. Returns within the account's deadline; every failure is an [`Outcome`], never a panic.
    async fn send(&self, message: &Message) -> Outcome;
}
