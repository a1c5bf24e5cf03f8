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
    /// Whether the provider took it isn't known; sent again only where it drops a repetition, or says that it never got it.
    Uncertain,
    /// Uncertain for too long: only a person sends it again or writes it off.
    Unknown,
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
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Sending,
        Self::Accepted,
        Self::RetryWait,
        Self::Uncertain,
        Self::Unknown,
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
            Self::Unknown => "unknown",
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
    /// The contact has left what the campaign is about.
    pub const TOPIC_OPTED_OUT: &str = "topic_opted_out";
    /// Another contact with the same address gets it.
    pub const DUPLICATE: &str = "duplicate";
    pub const CONTACT_DELETED: &str = "contact_deleted";
    /// A variable has no value for this contact, and the template says to skip them then.
    pub const MISSING_VARIABLE: &str = "missing_variable";
    /// The content can't be rendered for this contact.
    pub const RENDER_FAILED: &str = "render_failed";
    /// The contact has got as much as the workspace allows.
    pub const FREQUENCY_CAP: &str = "frequency_cap";
    /// The contact has engaged on another channel, and a rule of the campaign says that this is enough.
    pub const ENGAGED_ELSEWHERE: &str = "engaged_elsewhere";
    /// Its sender doesn't send to the number's country.
    pub const COUNTRY_NOT_ENABLED: &str = "country_not_enabled";
    /// The text makes more messages than the campaign allows.
    pub const TOO_MANY_SEGMENTS: &str = "too_many_segments";
    /// No suppression, but a failure of ours: its provider prepared it for too long.
    pub const PENDING_TOO_LONG: &str = "pending_too_long";
    /// No suppression, but a failure of ours: all devices of the contact are gone since it was selected.
    pub const NO_DEVICE: &str = "no_device";
    /// Not suppressed, only later: the contact's quiet hours.
    pub const QUIET_HOURS: &str = "quiet_hours";
    /// Its receiving domain takes mail too slowly.
    pub const DOMAIN_HELD: &str = "domain_held";
    /// A person doesn't want it sent again, whatever became of it.
    pub const WRITTEN_OFF: &str = "written_off";

    /// Why a message is suppressed whose content can't be rendered.
    #[must_use]
    pub fn of_unrendered(error: &crate::render::RenderError) -> &'static str {
        if error.code() == MISSING_VARIABLE { MISSING_VARIABLE } else { RENDER_FAILED }
    }
}

/// How often in a row a delivery is tried at most when the provider keeps refusing it for the same passing reason.
pub const MAX_REPEATS: u32 = 8;
/// How often it is tried in all, whatever the reasons were; being told to go slower doesn't count here.
pub const MAX_ATTEMPTS: u32 = 64;

/// How long the steps of one message may take from the first to the last: what a provider prepares, or fails to.
pub const LONGEST_STEPS: Duration = Duration::from_secs(15 * 60);

/// How long after a try a provider that drops repetitions is trusted to know its key still.
pub const KEY_KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);
/// The longest that a provider's wish is followed: a delivery lives no longer, and a wrong header must not hold it for years.
const LONGEST_ASKED: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often in a row a delivery has failed with `code`, this time included. `last` is the code it failed with before, so many
/// times.
#[must_use]
pub fn repeats(last: Option<&str>, times: u32, code: &str) -> u32 {
    if last == Some(code) { times.saturating_add(1) } else { 1 }
}

/// How long to wait after it has failed `repeats` times in a row (from 1): what the provider or its table asks for, else twice as long
/// each time. `jitter` in 0..1 spreads the tries of a sender, so that they don't come back in step: over the half below its own
/// backoff, over a twentieth above what was asked for.
#[must_use]
pub fn backoff(repeats: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    if let Some(asked) = asked {
        let asked = asked.min(LONGEST_ASKED);
        return asked + (asked / 20).max(Duration::from_secs(1)).mul_f64(jitter);
    }
    let full = FIRST_BACKOFF.saturating_mul(1 << repeats.saturating_sub(1).min(20)).min(LONGEST_BACKOFF);
    full.mul_f64(0.5 + jitter / 2.0)
}

/// When to ask again about a delivery that has been uncertain for so long and that nobody could say anything about: ever more rarely.
#[must_use]
pub fn ask_again_after(uncertain_for: Duration) -> Duration {
    (uncertain_for / 2).clamp(Duration::from_secs(5), Duration::from_secs(3600))
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
        let hours = |n: u64| Duration::from_secs(n * 3600);
        for asked in [Duration::from_secs(1), Duration::from_secs(30), hours(2), hours(24)] {
            for jitter in [0.0, 0.5, 1.0] {
                let wait = backoff(3, Some(asked), jitter);
                assert!(wait >= asked && wait <= asked.mul_f64(1.05) + Duration::from_secs(1), "{asked:?} became {wait:?}");
            }
        }
        assert!(backoff(1, Some(Duration::MAX), 0.5) <= hours(8 * 24));
    }

    #[test]
    fn a_row_of_failures_is_of_one_code() {
        assert_eq!(repeats(None, 0, "131049"), 1);
        assert_eq!(repeats(Some("131049"), 2, "131049"), 3);
        assert_eq!(repeats(Some("130429"), 2, "131049"), 1);
    }

    #[test]
    fn questions_come_ever_more_rarely() {
        let after = |seconds| ask_again_after(Duration::from_secs(seconds)).as_secs();
        assert_eq!([0, 60, 600, 86_400].map(after), [5, 30, 300, 3_600]);
    }
}
