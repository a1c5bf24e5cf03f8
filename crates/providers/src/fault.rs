//! Why a message was not accepted, or failed later, and what follows from it.

use std::time::Duration;

/// Why a message was not (or perhaps not) accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The provider's own code (`21610`, `131050`, `5.1.1`), or `timeout`, `connect`, `reset`, `http_500`, `garbage`.
    pub code: String,
    /// A short text for a person; never an address, never a secret.
    pub detail: String,
    pub action: FaultAction,
}

/// What follows from a refusal or a failure. The tables are each provider's `errors.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// A passing fault: try again after the backoff, or after what the provider asked for; `at_most` so many times for this
    /// reason, if it is given.
    Retry { after: Option<Duration>, at_most: Option<u32> },
    /// The provider holds this person back for a long time: try again after each of these waits, then it has failed.
    Ladder { waits: Waits },
    /// The sender goes too fast: slow it down for all, then try again.
    Throttle { after: Option<Duration> },
    /// This message will never be accepted.
    Permanent,
    /// This message will never be accepted, for want of something in the account's own settings, such as a country that isn't enabled: others
    /// go on, and a person should know.
    FixAccount,
    /// The address is no address on this channel.
    InvalidAddress,
    /// The person opted out at the provider: register it, never again.
    OptOut,
    /// The account or sender can't send at all until a person mends it.
    PauseSender,
    /// This template can't be sent to anybody until a person mends it; the sender's other messages go on.
    PauseTemplate,
    /// The account's token isn't taken any more: it is refreshed, and the message waits for that.
    Reconnect,
    /// The domain that this message goes to takes it too slowly: slow down for that domain, then try again.
    SlowDomain { after: Option<Duration> },
}

impl FaultAction {
    /// How long the provider or its table asks to wait. `failures` is how often in a row the message has failed with this
    /// code, this time included. None: the usual backoff, or no further try at all.
    #[must_use]
    pub fn wait(&self, failures: u32) -> Option<Duration> {
        match self {
            Self::Retry { after, .. } | Self::Throttle { after } | Self::SlowDomain { after } => *after,
            Self::Ladder { waits } => waits.after(failures),
            Self::Permanent
            | Self::FixAccount
            | Self::InvalidAddress
            | Self::OptOut
            | Self::PauseSender
            | Self::PauseTemplate
            | Self::Reconnect => None,
        }
    }

    /// Whether the message is lost, having failed so often in a row with this code, this time included. The hub's own limit
    /// on tries comes on top; pauses and throttling never lose a message.
    #[must_use]
    pub fn gives_up(&self, failures: u32) -> bool {
        match self {
            Self::Retry { at_most, .. } => at_most.is_some_and(|most| failures > most),
            Self::Ladder { waits } => waits.after(failures).is_none(),
            Self::Throttle { .. } | Self::PauseSender | Self::PauseTemplate | Self::Reconnect | Self::SlowDomain { .. } => false,
            Self::Permanent | Self::FixAccount | Self::InvalidAddress | Self::OptOut => true,
        }
    }

    /// The same, with an account's own ladder in place of the table's.
    pub(crate) fn with_ladder(self, own: Option<Waits>) -> Self {
        match (self, own) {
            (Self::Ladder { .. }, Some(waits)) => Self::Ladder { waits },
            (action, _) => action,
        }
    }
}

impl Fault {
    /// Whether it says that the provider is down or out of reach, rather than that it gave an answer: what a circuit
    /// breaker counts.
    #[must_use]
    pub fn says_down(&self) -> bool {
        // 421 and 4.3.2 are how a mail server says that it takes nothing at the moment (RFC 5321, 3.8; RFC 3463, 3.4).
        matches!(self.code.as_str(), "connect" | "timeout" | "reset" | "garbage" | "http_408" | "421" | "4.3.2")
            || self.code.strip_prefix("http_5").is_some_and(|rest| rest.len() == 2)
    }

    pub(crate) fn with_ladder(self, own: Option<Waits>) -> Self {
        Self { action: self.action.with_ladder(own), ..self }
    }
}

/// Waits before further tries, one after the other, in whole minutes; at least one and at most [`Waits::MAX`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    minutes: [u16; Self::MAX],
    count: usize,
}

impl Waits {
    pub const MAX: usize = 8;
    /// A week.
    const MAX_HOURS: u16 = 168;

    /// For tables; more than [`Waits::MAX`] don't compile in one.
    #[must_use]
    pub const fn of_hours<const N: usize>(mut given: [u16; N]) -> Self {
        let mut i = 0;
        while i < N {
            given[i] *= 60;
            i += 1;
        }
        Self::of_minutes(given)
    }

    /// The same, in minutes.
    #[must_use]
    pub const fn of_minutes<const N: usize>(given: [u16; N]) -> Self {
        let mut minutes = [0; Self::MAX];
        let mut i = 0;
        while i < N {
            minutes[i] = given[i];
            i += 1;
        }
        Self { minutes, count: N }
    }

    /// Reads whole hours with commas between, such as `2,12,24`; each at least 1 and at most a week.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut waits = Self { minutes: [0; Self::MAX], count: 0 };
        for part in text.split(',') {
            let hours: u16 = part.trim().parse().ok().filter(|hours| (1..=Self::MAX_HOURS).contains(hours))?;
            *waits.minutes.get_mut(waits.count)? = hours * 60;
            waits.count += 1;
        }
        Some(waits)
    }

    fn given(&self) -> &[u16] {
        self.minutes.get(..self.count).unwrap_or_default()
    }

    /// The wait after so many failures in a row, from 1 on; None when the last wait was in vain.
    #[must_use]
    pub fn after(&self, failures: u32) -> Option<Duration> {
        let place = usize::try_from(failures.saturating_sub(1)).ok()?;
        self.given().get(place).map(|minutes| Duration::from_secs(u64::from(*minutes) * 60))
    }
}

impl std::fmt::Debug for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "minutes{:?}", self.given())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::{INVALID, LADDER, OPT_OUT, PAUSE, PAUSE_TEMPLATE, PERMANENT, RETRY, SLOW_DOMAIN, THROTTLE, retry_once};

    #[test]
    fn a_ladder_is_climbed_and_ends() {
        let hours = |n: u64| Some(Duration::from_secs(n * 3_600));
        assert_eq!([1, 2, 3, 4].map(|n| LADDER.wait(n)), [hours(2), hours(12), hours(24), None]);
        assert_eq!([1, 3, 4, 99].map(|n| LADDER.gives_up(n)), [false, false, true, true]);
        let own = LADDER.with_ladder(Waits::parse("24, 24"));
        assert_eq!([1, 2, 3].map(|n| own.wait(n)), [hours(24), hours(24), None]);
        assert_eq!(RETRY.with_ladder(Waits::parse("24")), RETRY);
        let minutes = FaultAction::Ladder { waits: Waits::of_minutes([5, 90]) };
        assert_eq!([1, 2, 3].map(|n| minutes.wait(n).map(|wait| wait.as_secs())), [Some(300), Some(5_400), None]);
    }

    #[test]
    fn ladders_are_whole_hours_up_to_a_week() {
        assert_eq!(Waits::parse("2,12,24"), Some(Waits::of_hours([2, 12, 24])));
        for bad in ["", ",", "0", "2,", "2h", "1.5", "-1", "169", "1,1,1,1,1,1,1,1,1"] {
            assert_eq!(Waits::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn giving_up_is_for_what_is_final_or_was_tried_enough() {
        assert!([PERMANENT, INVALID, OPT_OUT].iter().all(|action| action.gives_up(1)));
        assert!([RETRY, THROTTLE, PAUSE, PAUSE_TEMPLATE, FaultAction::Reconnect, SLOW_DOMAIN].iter().all(|action| !action.gives_up(99)));
        assert_eq!([1, 2].map(|n| retry_once(60).gives_up(n)), [false, true]);
    }

    #[test]
    fn only_silence_and_errors_of_its_own_say_that_a_provider_is_down() {
        let down = |code: &str| Fault::new(code, RETRY, "").says_down();
        assert!(["connect", "timeout", "reset", "garbage", "http_500", "http_503", "http_408", "421", "4.3.2"].into_iter().all(down));
        assert!(!["http_429", "http_400", "http_401", "131016", "5.1.1", "4.7.0", "500", "content", "http_5"].into_iter().any(down));
    }
}
