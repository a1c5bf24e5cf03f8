//! The ways to reach a person.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A way to reach a person. More channels come as providers for them do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
}

/// The text is not the name of a channel.
#[derive(Debug, thiserror::Error)]
#[error("unknown channel {0:?}: use email, sms or whatsapp")]
pub struct UnknownChannel(String);

impl Channel {
    pub const ALL: [Self; 3] = [Self::Email, Self::Sms, Self::Whatsapp];

    /// The name used in SQL, subjects, JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Messages a second when a sender sets no rate of its own.
    #[must_use]
    pub const fn default_rate_per_second(self) -> f64 {
        match self {
            Self::Email => 20.0,
            Self::Sms => 10.0,
            Self::Whatsapp => 5.0,
        }
    }

    /// Whether this channel's address is a phone number (else it is an e-mail address).
    #[must_use]
    pub const fn uses_phone(self) -> bool {
        matches!(self, Self::Sms | Self::Whatsapp)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = UnknownChannel;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or_else(|| UnknownChannel(text.to_owned()))
    }
}
