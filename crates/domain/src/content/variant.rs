//! The kinds of variant that a content can have.

use crate::Channel;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A kind of variant. Each channel has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    Email,
    Sms,
    Whatsapp,
    Push,
    Social,
}

/// The text is not the name of a variant.
#[derive(Debug, thiserror::Error)]
#[error("unknown variant {0:?}: use email, sms, whatsapp, push or social")]
pub struct UnknownVariant(String);

impl Variant {
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Whatsapp, Self::Push, Self::Social];

    /// The name used in fields, JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Push => "push",
            Self::Social => "social",
        }
    }

    /// The channel that sends it.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Email => Channel::Email,
            Self::Sms => Channel::Sms,
            Self::Whatsapp => Channel::Whatsapp,
            Self::Push => Channel::Push,
            Self::Social => Channel::Social,
        }
    }
}

impl From<Channel> for Variant {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
            Channel::Whatsapp => Self::Whatsapp,
            Channel::Push => Self::Push,
            Channel::Social => Self::Social,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Variant {
    type Err = UnknownVariant;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|variant| variant.as_str() == text).ok_or_else(|| UnknownVariant(text.to_owned()))
    }
}
