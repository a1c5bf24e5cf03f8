//! A delivery's states: what the ledger says of one message to one person.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// Where a delivery stands. `queued → sending → accepted | retry_wait | uncertain | rejected`, and the ways out before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting for the gate.
    Queued,
    /// Let through by the gate and held by one worker; it may be with the provider already.
    Sending,
    /// The provider took it.
    Accepted,
    /// Certainly not taken, for a passing reason; it is queued again when its time comes.
    RetryWait,
    /// Whether the provider took it can't be known; never sent again by itself.
    Uncertain,
    /// The provider refused it for good.
    Rejected,
    /// Must not or can't be sent; the reason says why.
    Suppressed,
    /// Its campaign was cancelled before it left.
    Cancelled,
    /// Its time ran out before it left.
    Expired,
}

/// Stored text that isn't a state.
#[derive(Debug, thiserror::Error)]
#[error("unknown delivery state {0:?}")]
pub struct UnknownState(String);

impl State {
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Sending,
        Self::Accepted,
        Self::RetryWait,
        Self::Uncertain,
        Self::Rejected,
        Self::Suppressed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name used in SQL and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::RetryWait => "retry_wait",
            Self::Uncertain => "uncertain",
            Self::Rejected => "rejected",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether it may still be sent.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::Sending | Self::RetryWait)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// Why a delivery was suppressed, as it is stored and shown.
pub mod reason {
    pub const NO_ADDRESS: &str = "no_address";
    pub const INVALID_ADDRESS: &str = "invalid_address";
    pub const OPTED_OUT: &str = "opted_out";
    /// Another contact with the same address gets it.
    pub const DUPLICATE: &str = "duplicate";
    pub const CONTACT_DELETED: &str = "contact_deleted";
    /// The content can't be rendered for this contact.
    pub const RENDER_FAILED: &str = "render_failed";
}

/// How often a delivery is tried at most when the provider keeps refusing it for passing reasons.
pub const MAX_ATTEMPTS: u32 = 8;

const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// How long to wait after the `attempt`-th try (from 1): what the provider asked for, else twice as long each time. `jitter` in 0..1
/// spreads the tries over the half below that, so that they don't come back in step.
#[must_use]
pub fn backoff(attempt: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    if let Some(asked) = asked {
        return asked.min(LONGEST_BACKOFF * 4) + Duration::from_secs_f64(jitter);
    }
    let full = FIRST_BACKOFF.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(LONGEST_BACKOFF);
    full.mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
        assert!("sent".parse::<State>().is_err());
    }

    #[test]
    fn backoff_doubles_up_to_a_limit() {
        assert_eq!(backoff(1, None, 1.0), Duration::from_secs(2));
        assert_eq!(backoff(1, None, 0.0), Duration::from_secs(1));
        assert_eq!(backoff(3, None, 1.0), Duration::from_secs(8));
        assert_eq!(backoff(60, None, 1.0), LONGEST_BACKOFF);
    }

    #[test]
    fn what_the_provider_asks_for_is_honoured() {
        assert!(backoff(1, Some(Duration::from_secs(30)), 0.5) >= Duration::from_secs(30));
        assert!(backoff(1, Some(Duration::MAX), 0.5) <= Duration::from_secs(2 * 3600));
    }
}
