//! Conversations: who answers, what is made of a message, how far an answer has come. Pure rules; nothing here is stored or sent.

use crate::{Channel, content::is_window_open, keyword::Intent};
use std::{fmt, str::FromStr};
use time::{Duration, OffsetDateTime};

/// HELP is answered no more often than this: carriers want an answer, nobody wants two machines to talk.
pub const HELP_EVERY: Duration = Duration::hours(24);

/// What is stored isn't one of the names there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}")]
pub struct UnknownName {
    pub what: &'static str,
    pub name: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$inner:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type { $($(#[$inner])* $variant,)+ }

        impl $type {
            /// As it is stored.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName { what: $what, name: name.to_owned() }),
                }
            }
        }
    };
}

named! {
    /// Who answers a person.
    Handler, "handler" {
        /// Nobody yet.
        None = "none",
        Assistant = "assistant",
        Person = "person",
    }
}

named! {
    /// Whether a conversation is on the table.
    Status, "status" {
        Open = "open",
        /// Put away until the person writes again.
        Archived = "archived",
    }
}

named! {
    /// What was made of a message.
    Handling, "handling" {
        /// Given to whoever answers.
        Handed = "handed",
        Stop = "stop",
        Start = "start",
        Help = "help",
        /// A sign put to another message: no reply, and nothing to be answered.
        Reaction = "reaction",
        /// Ours.
        Answer = "answer",
    }
}

named! {
    /// How far an answer has come on its way out.
    AnswerState, "state" {
        Queued = "queued",
        Sending = "sending",
        /// The provider took it.
        Accepted = "accepted",
        /// It was not sent, or not taken. It is never tried again.
        Refused = "refused",
        /// Whether it left can't be known. It is never tried again.
        Uncertain = "uncertain",
        /// Nobody took it in time.
        Expired = "expired",
    }
}

named! {
    /// What a provider reports of an answer, each going further than the one before.
    Reported, "report" {
        Sent = "sent",
        Delivered = "delivered",
        Read = "read",
        Failed = "failed",
    }
}

impl Handling {
    /// What is made of a person's message. Words of the register come before anything else reads it.
    #[must_use]
    pub fn of(kind: &str, intent: Option<Intent>) -> Self {
        match intent {
            Some(Intent::Stop) => Self::Stop,
            Some(Intent::Start) => Self::Start,
            Some(Intent::Help) => Self::Help,
            None if kind == "reaction" => Self::Reaction,
            None => Self::Handed,
        }
    }

    /// Whether it is an answer to what its author was sent.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(self, Self::Handed | Self::Help)
    }
}

/// Whether HELP is to be answered, when it was last answered then.
#[must_use]
pub fn is_help_due(helped_at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    helped_at.is_none_or(|at| now - at >= HELP_EVERY)
}

/// Whether a person who wrote last at that time may be sent free text on a channel.
#[must_use]
pub fn may_be_answered(channel: Channel, last_inbound_at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    channel != Channel::Whatsapp || is_window_open(last_inbound_at, now)
}

/// Characters of an answer at most. What a single provider takes less of, its adapter refuses.
#[must_use]
pub const fn longest_answer(channel: Channel) -> usize {
    match channel {
        Channel::Email => 100_000,
        // Twilio takes 1,600 on both, and Meta's 4,096 are more than anybody reads on a phone.
        _ => 1_600,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for handler in [Handler::None, Handler::Assistant, Handler::Person] {
            assert_eq!(handler.as_str().parse(), Ok(handler));
        }
        assert_eq!("robot".parse::<Handler>().unwrap_err().to_string(), "unknown handler \"robot\"");
    }

    #[test]
    fn words_of_the_register_come_first_and_a_reaction_is_no_reply() {
        assert_eq!(Handling::of("text", Some(Intent::Stop)), Handling::Stop);
        assert_eq!(Handling::of("button", Some(Intent::Stop)), Handling::Stop);
        assert_eq!(Handling::of("reaction", None), Handling::Reaction);
        assert_eq!(Handling::of("image", None), Handling::Handed);
        assert!(Handling::Handed.is_reply() && Handling::Help.is_reply());
        assert!(![Handling::Stop, Handling::Start, Handling::Reaction].into_iter().any(Handling::is_reply));
    }

    #[test]
    fn help_is_answered_once_a_day() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(9);
        assert!(is_help_due(None, now));
        assert!(!is_help_due(Some(now - Duration::hours(23)), now));
        assert!(is_help_due(Some(now - HELP_EVERY), now));
    }

    #[test]
    fn only_whatsapp_has_a_window() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(9);
        assert!(may_be_answered(Channel::Sms, None, now) && may_be_answered(Channel::Email, None, now));
        assert!(!may_be_answered(Channel::Whatsapp, None, now));
        assert!(may_be_answered(Channel::Whatsapp, Some(now - Duration::hours(23)), now));
        assert!(!may_be_answered(Channel::Whatsapp, Some(now - Duration::hours(25)), now));
    }

    #[test]
    fn a_failure_goes_further_than_a_delivery() {
        assert!(Reported::Sent < Reported::Delivered && Reported::Delivered < Reported::Read && Reported::Read < Reported::Failed);
    }
}
