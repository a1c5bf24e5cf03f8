//! The kinds of facts, and the set of those that are known of one delivery.

use crate::delivery::State;
use std::ops::{BitOr, BitOrAssign};

/// What a fact says. The numbers are those of the wire's `FactKind` and of the event log: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The provider took it.
    Accepted = 1,
    /// The provider passed it on.
    Sent = 2,
    Delivered = 3,
    /// Opened or read.
    Opened = 4,
    Clicked = 5,
    /// Reported failed, undelivered, bounced or dropped after it was taken.
    Failed = 6,
    /// Refused by the provider for good.
    Rejected = 7,
    Uncertain = 8,
    Suppressed = 9,
    Cancelled = 10,
    Expired = 11,
    Unsubscribed = 12,
    Complained = 13,
    /// A chunk of the audience was written: about many deliveries.
    Expanded = 14,
    /// Many waiting deliveries were cancelled or expired in one statement.
    Dropped = 15,
    /// Opened by a privacy proxy or a scanner, not by a person.
    MachineOpened = 16,
    Replied = 17,
    Converted = 18,
    /// Uncertain for too long: only a person decides now.
    Unknown = 19,
    /// A link was fetched by a scanner or a preview, not by a person.
    MachineClicked = 20,
}

impl Kind {
    pub const ALL: [Self; 20] = [
        Self::Accepted,
        Self::Sent,
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::Failed,
        Self::Rejected,
        Self::Uncertain,
        Self::Suppressed,
        Self::Cancelled,
        Self::Expired,
        Self::Unsubscribed,
        Self::Complained,
        Self::Expanded,
        Self::Dropped,
        Self::MachineOpened,
        Self::Replied,
        Self::Converted,
        Self::Unknown,
        Self::MachineClicked,
    ];

    /// Its number on the wire and in the event log.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind of that number; None for one that this version doesn't know.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i32::from(kind.number()) == number)
    }

    /// What it says of its delivery; None for the kinds that are about many deliveries.
    #[must_use]
    pub const fn bit(self) -> Option<Bits> {
        match self {
            Self::Expanded | Self::Dropped => None,
            kind => Some(Bits::of(kind)),
        }
    }

    /// What happened, in the words that a timeline uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Uncertain => "uncertain",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Expanded => "expanded",
            Self::Dropped => "dropped",
            Self::MachineOpened => "machine_opened",
            Self::Replied => "replied",
            Self::Converted => "converted",
            Self::Unknown => "unknown",
            Self::MachineClicked => "machine_clicked",
        }
    }

    /// Whether its code says why the delivery was not sent or not delivered, and is counted.
    #[must_use]
    pub const fn has_code(self) -> bool {
        matches!(self, Self::Failed | Self::Rejected | Self::Suppressed)
    }
}

/// A set of facts about one delivery: kind number n is bit n − 1. Only ever grows: what is sent once more goes on counting under what
/// was last known of it, until the new try has an outcome that stands above that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bits(pub u32);

impl Bits {
    pub const NONE: Self = Self(0);
    pub const ACCEPTED: Self = Self::of(Kind::Accepted);
    pub const SENT: Self = Self::of(Kind::Sent);
    pub const DELIVERED: Self = Self::of(Kind::Delivered);
    pub const OPENED: Self = Self::of(Kind::Opened);
    pub const CLICKED: Self = Self::of(Kind::Clicked);
    pub const FAILED: Self = Self::of(Kind::Failed);
    pub const REJECTED: Self = Self::of(Kind::Rejected);
    pub const UNCERTAIN: Self = Self::of(Kind::Uncertain);
    pub const SUPPRESSED: Self = Self::of(Kind::Suppressed);
    pub const CANCELLED: Self = Self::of(Kind::Cancelled);
    pub const EXPIRED: Self = Self::of(Kind::Expired);
    pub const UNSUBSCRIBED: Self = Self::of(Kind::Unsubscribed);
    pub const COMPLAINED: Self = Self::of(Kind::Complained);
    pub const MACHINE_OPENED: Self = Self::of(Kind::MachineOpened);
    pub const REPLIED: Self = Self::of(Kind::Replied);
    pub const CONVERTED: Self = Self::of(Kind::Converted);
    pub const UNKNOWN: Self = Self::of(Kind::Unknown);
    pub const MACHINE_CLICKED: Self = Self::of(Kind::MachineClicked);
    /// Every bit there is.
    pub const ALL: Self = {
        let (mut all, mut n) = (Self::NONE, 0);
        while n < Kind::ALL.len() {
            if let Some(bit) = Kind::ALL[n].bit() {
                all = all.and(bit);
            }
            n += 1;
        }
        all
    };

    const fn of(kind: Kind) -> Self {
        Self(1 << (kind.number() - 1))
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `others` is known.
    #[must_use]
    pub const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Those of them that are not in `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What the ledger's state alone says; nothing while the delivery may still be sent.
    #[must_use]
    pub const fn of_state(state: State) -> Self {
        match state {
            State::Queued | State::Sending | State::RetryWait => Self::NONE,
            State::Accepted => Self::ACCEPTED,
            State::Uncertain => Self::UNCERTAIN,
            State::Unknown => Self::UNKNOWN,
            State::Rejected => Self::REJECTED,
            State::Suppressed => Self::SUPPRESSED,
            State::Cancelled => Self::CANCELLED,
            State::Expired => Self::EXPIRED,
        }
    }
}

impl BitOr for Bits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOrAssign for Bits {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.and(other);
    }
}
