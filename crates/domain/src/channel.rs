//! The ways to reach a person, and the one to reach everybody.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A way to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
    /// Notifications on the devices of a contact: one delivery a contact, whatever devices there are.
    Push,
    /// Posts of the workspace's own accounts at social networks: one delivery an account, and no contact.
    Social,
}

/// What a channel's messages are addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    Email,
    Phone,
    /// A phone, or a WhatsApp user id where there is none.
    Whatsapp,
    /// The devices of a contact.
    Device,
    /// An account of the workspace's own.
    Account,
}

/// The text is not the name of a channel.
#[derive(Debug, thiserror::Error)]
#[error("unknown channel {0:?}: use email, sms, whatsapp, push or social")]
pub struct UnknownChannel(String);

impl Channel {
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Whatsapp, Self::Push, Self::Social];
    /// Those that need nothing of a contact but an address.
    pub const BY_ADDRESS: [Self; 3] = [Self::Email, Self::Sms, Self::Whatsapp];

    /// The name used in SQL, subjects, JSON and on the command line.
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

    /// Messages a second when a sender sets no rate of its own.
    #[must_use]
    pub const fn default_rate_per_second(self) -> f64 {
        match self {
            Self::Email => 20.0,
            Self::Sms => 10.0,
            Self::Whatsapp => 5.0,
            Self::Push => 500.0,
            Self::Social => 1.0,
        }
    }

    #[must_use]
    pub const fn address_kind(self) -> AddressKind {
        match self {
            Self::Email => AddressKind::Email,
            Self::Sms => AddressKind::Phone,
            Self::Whatsapp => AddressKind::Whatsapp,
            Self::Push => AddressKind::Device,
            Self::Social => AddressKind::Account,
        }
    }

    /// Whether its deliveries are to contacts (else to everybody).
    #[must_use]
    pub const fn has_contact(self) -> bool {
        !matches!(self, Self::Social)
    }

    /// Whether a campaign may have several senders on it at once, each for its own part: an app's devices, an account's readers.
    #[must_use]
    pub const fn has_several_senders(self) -> bool {
        matches!(self, Self::Push | Self::Social)
    }

    /// Whether people write its addresses down as phone numbers.
    #[must_use]
    pub const fn uses_phone(self) -> bool {
        matches!(self, Self::Sms | Self::Whatsapp)
    }
}

impl AddressKind {
    /// Those that contacts have.
    pub const OF_CONTACTS: [Self; 4] = [Self::Email, Self::Phone, Self::Whatsapp, Self::Device];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_found_by_their_names() {
        assert!(Channel::ALL.into_iter().all(|channel| channel.as_str().parse::<Channel>().unwrap() == channel));
        assert!("fax".parse::<Channel>().unwrap_err().to_string().contains("push or social"));
    }

    #[test]
    fn only_what_people_write_down_is_by_address() {
        let by_address = |kind| matches!(kind, AddressKind::Email | AddressKind::Phone | AddressKind::Whatsapp);
        assert!(Channel::ALL.into_iter().all(|channel| Channel::BY_ADDRESS.contains(&channel) == by_address(channel.address_kind())));
    }
}
