//! One message on its way out, and what became of it.

use crate::device::Device;
use crate::fault::{Fault, FaultAction};
use domain::content::Rendered;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;

/// One message to one recipient, rendered and ready.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it goes: an e-mail address, a phone number in E.164, a WhatsApp user id, a device's target, or a social account's handle.
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
    /// The device that a push goes to.
    pub device: Option<Device>,
    /// What an earlier try left to go on with ([`Outcome::Pending`]), and nothing was visible of then.
    pub progress: Option<Value>,
    /// Where an app or a browser tells that a notification was shown.
    pub receipt_url: Option<String>,
    /// Where an e-mail comes back to when it can't be delivered; None for the sender's own address.
    pub return_path: Option<String>,
    /// Files that go along with an e-mail.
    pub attachments: Vec<Attachment>,
    /// The country of a phone number (ISO 3166-1, two capital letters), where it is known.
    pub country: Option<&'static str>,
    /// How long it is of use: a provider that keeps it waiting longer should drop it. None: as long as the provider likes.
    pub valid_for: Option<Duration>,
}

impl Message {
    /// A message with nothing but what every channel has.
    #[must_use]
    pub fn new(to: impl Into<String>, content: Rendered, correlation: impl Into<String>, idempotency_key: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            to_name: None,
            content,
            correlation: correlation.into(),
            idempotency_key: idempotency_key.into(),
            status_callback: None,
            unsubscribe_url: None,
            device: None,
            progress: None,
            receipt_url: None,
            return_path: None,
            attachments: Vec::new(),
            country: None,
            valid_for: None,
        }
    }
}

/// A file in an e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// As the recipient sees it.
    pub name: String,
    /// `image/png`.
    pub media_type: String,
    /// What `cid:` in the HTML calls it; None for a file beside the text.
    pub content_id: Option<String>,
    pub bytes: Arc<[u8]>,
}

/// The bytes are the customer's, and many.
impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("media_type", &self.media_type).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Several times as long as any provider's.
const ID_MAX_BYTES: usize = 1_024;

/// Whether a text may be a message's id. An account may name any server as its provider: what that says is kept with each message, and goes
/// through the broker together with those of others.
pub(crate) fn is_message_id(text: &str) -> bool {
    text.len() <= ID_MAX_BYTES && !text.contains(char::is_control)
}

/// The code of a refusal that says nothing of its message: the time of the call was up before its turn came, so it was never tried.
pub const NOT_TRIED: &str = "batch";

/// What became of a message, in the only classes that matter for sending it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took responsibility for it.
    Accepted {
        provider_message_id: String,
        /// Where the world sees it, of a social post.
        permalink: Option<String>,
    },
    /// Certainly not accepted.
    Refused(Fault),
    /// Nobody can say: a time-out after the request left, a reset, a 5xx, an unreadable success. What may be done about it
    /// depends on the account's [`Capability`].
    Uncertain(Fault),
    /// Nothing is visible at the provider yet, and the message isn't through: the next try gets `progress` and goes on with it
    /// ([`Message::progress`]), after that time. Never after a visible effect.
    Pending { progress: Value, again_after: Duration },
}

impl Outcome {
    /// Taken, with nothing to see of it in public.
    #[must_use]
    pub fn accepted(provider_message_id: impl Into<String>) -> Self {
        Self::Accepted { provider_message_id: provider_message_id.into(), permalink: None }
    }

    /// Of a step that changes nothing that anybody sees (an upload, a container): a doubt about it is as good as a refusal, and it may be
    /// done again.
    #[must_use]
    pub fn of_harmless_step(self) -> Self {
        match self {
            Self::Uncertain(fault) => Self::Refused(fault),
            other => other,
        }
    }
}

/// What one message really costs, in the provider's own units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Segments of an SMS; 1 for what is counted by message.
    pub units: u32,
    /// ISO 3166-1, two capital letters.
    pub country: Option<String>,
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
    /// What the try in question had to go on with.
    pub progress: Option<Value>,
    /// What was posted, where it is the same for everybody and can be made again (social).
    pub content: Option<Rendered>,
}

/// What the provider says about a message. When in doubt it is `CantSay`: a wrong `NotFound` sends it twice, and a wrong
/// `Found` loses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It took the message.
    Found {
        provider_message_id: String,
        /// Where the world sees it, of a social post.
        permalink: Option<String>,
    },
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

    /// How many messages one call may carry; at least 1. Whoever has that many for it calls [`Send::send_batch`].
    fn batch(&self) -> usize {
        1
    }

    /// Sends up to [`Send::batch`] messages. As many outcomes as messages, in their order: when one call carries all, its outcome is that
    /// of each. Unless an adapter does better, one after the other.
    async fn send_batch(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            outcomes.push(self.send(message).await);
        }
        outcomes
    }

    /// What the message will cost at this account, where that depends on the message. None: the sender's price, whatever it says.
    fn cost(&self, _message: &Message) -> Option<Cost> {
        None
    }

    /// How many calls it takes at once. Whoever gives it more makes them wait inside [`Send::send`], where neither a pause nor an
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

    /// Whether files can be left with the provider once, and sent by id from then on ([`Send::keep_media`]).
    fn keeps_media(&self) -> bool {
        false
    }

    /// Leaves a file with the provider; answers with the id that it is sent by. Nobody sees anything of it, so it may be done again.
    ///
    /// # Errors
    /// Why it couldn't be left there: permanent for a file that the provider doesn't take.
    async fn keep_media(&self, _media_type: &str, _bytes: &[u8]) -> Result<String, Fault> {
        Err(Fault::new("no_media", crate::errors::PERMANENT, "this provider keeps no files"))
    }

    /// What follows from a failure that a report brings later, by the code of that report; this account's own settings
    /// count. None: nothing but that the message failed.
    fn report_action(&self, _code: &str) -> Option<FaultAction> {
        None
    }
}
