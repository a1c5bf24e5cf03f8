//! One message on its way out, and what became of it.

use crate::fault::{Fault, FaultAction};
use domain::content::Rendered;
use time::OffsetDateTime;

/// One message to one recipient, rendered and ready.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it goes: an e-mail address, or a phone number in E.164.
    pub to: String,
    /// The recipient's name for display, if known.
    pub to_name: Option<String>,
    pub content: Rendered,
    /// Opaque, at most 120 of `[A-Za-z0-9_.-]`; comes back with every report on this message. It may differ from one try to
    /// the next.
    pub correlation: String,
    /// Opaque, at most 60 of `[A-Za-z0-9_.-]`: the same for every try at this delivery until one was taken and failed
    /// afterwards, and for no other delivery. A provider that drops repetitions knows them by it.
    pub idempotency_key: String,
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
    /// Nobody can say: a time-out after the request left, a reset, a 5xx, an unreadable success. What may be done about it
    /// depends on the account's [`Capability`].
    Uncertain(Fault),
}

/// What an account can do about a message whose outcome is [`Outcome::Uncertain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// The provider drops a second message with the same [`Message::idempotency_key`], for a day at least: it may be sent again.
    Idempotent,
    /// The provider can be asked whether it took the message: [`Send::lookup`].
    Lookup,
    /// Neither: only a report or a person can settle it.
    None,
}

/// What is known of a message that the provider is asked about.
#[derive(Debug, Clone)]
pub struct LookupQuery {
    /// As in [`Message::to`].
    pub to: String,
    /// Not before this was the message handed to the provider: the beginning of the try.
    pub sent_after: OffsetDateTime,
    /// Not after this: when its outcome became uncertain, the deadline of a call added if the worker was lost.
    pub sent_before: OffsetDateTime,
    /// The text exactly as it was sent, where it is known and the message is a text of our own making (SMS). None for
    /// templates, which the provider fills in, and for a text that can't be made again: then time and address decide.
    pub text: Option<String>,
    /// Ids that belong to other deliveries: all that the hub knows of messages to this address, of at least two days. A
    /// message with such an id is never taken for this one.
    pub known: Vec<String>,
}

/// What the provider says about a message. When in doubt it is `CantSay`: a wrong `NotFound` sends it twice, and a wrong
/// `Found` loses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It took the message.
    Found { provider_message_id: String },
    /// It certainly never took it. Sure only if asked a minute or more after `sent_before`: before that a provider may be
    /// at work on it still.
    NotFound,
    /// Ask again later.
    CantSay(Fault),
}

/// More than any HTTP account needs; there, none waits for another one's connection.
const CONCURRENCY_DEFAULT: usize = 256;

/// Hands messages to one provider account. Cheap to share; keeps its connections warm.
#[async_trait::async_trait]
pub trait Send: Sync + std::marker::Send {
    /// Sends one message. Returns within the account's deadline; every failure is an [`Outcome`], never a panic.
    async fn send(&self, message: &Message) -> Outcome;

    /// How many messages it takes at once. Whoever gives it more makes them wait inside [`Send::send`], where neither a pause nor an
    /// opt-out can reach them any more.
    fn concurrency(&self) -> usize {
        CONCURRENCY_DEFAULT
    }

    /// What this account can do about an uncertain message.
    fn capability(&self) -> Capability {
        Capability::None
    }

    /// Asks whether the provider took a message. Returns within the account's deadline, and changes nothing. Deliveries to
    /// one address are asked about one after the other, each with the ids found so far in `known`.
    async fn lookup(&self, _query: &LookupQuery) -> Lookup {
        Lookup::CantSay(Fault::new("no_lookup", crate::errors::PERMANENT, "this provider can't be asked about a message"))
    }

    /// What follows from a failure that a report brings later, by the code of that report; this account's own settings
    /// count. None: nothing but that the message failed.
    fn report_action(&self, _code: &str) -> Option<FaultAction> {
        None
    }
}
