//! The circuit breaker of a sender: when its provider is down, nothing is handed to it but a probe now and then.
//!
//! Closed: all leaves. After [`TRIPS_AFTER`] tries in a row that got no answer it opens, for half a minute at first and twice as long
//! each time, up to five minutes. When that has passed it is half open: the gate lets one message through, whose answer closes it or
//! whose silence opens it again. Any answer of the provider closes it, a refusal too.

use std::time::Duration;
use time::OffsetDateTime;

/// Tries in a row without an answer after which it opens.
pub const TRIPS_AFTER: u32 = 5;
/// How long a probe may take before the next one may leave. Longer than the deadline of a call.
pub const PROBE: Duration = Duration::from_secs(15);
const FIRST_OPEN: Duration = Duration::from_secs(30);
const LONGEST_OPEN: Duration = Duration::from_secs(5 * 60);

/// What is stored of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Tries in a row that got no answer.
    pub failures: u32,
    /// How often it opened in a row.
    pub trips: u32,
    pub open_until: Option<OffsetDateTime>,
}

impl Health {
    /// What is to be stored after `unanswered` messages that passed the gate together when they `began`, and of which none got an answer,
    /// all times on one clock; None when nothing changes. What is stored after an answer is the default.
    #[must_use]
    pub fn after(self, unanswered: u32, began: OffsetDateTime, now: OffsetDateTime) -> Option<Self> {
        if unanswered == 0 || self.opened_after(began) {
            return None;
        }
        let failures = self.failures.saturating_add(unanswered);
        if failures < TRIPS_AFTER {
            return Some(Self { failures, ..self });
        }
        Some(Self { failures, trips: self.trips.saturating_add(1), open_until: Some(now + open_for(self.trips)) })
    }

    /// Whether it has opened since: then what was under way at that moment says nothing new.
    fn opened_after(self, began: OffsetDateTime) -> bool {
        let Some(until) = self.open_until.filter(|_| self.trips > 0) else { return false };
        // A probe moves `open_until` to [`PROBE`] after its own beginning, which is no later than this.
        until - open_for(self.trips - 1) > began
    }
}

/// How long it stays open the next time, having opened so often already.
fn open_for(trips: u32) -> Duration {
    FIRST_OPEN.saturating_mul(1 << trips.min(10)).min(LONGEST_OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn at(seconds: u64) -> OffsetDateTime {
        START + Duration::from_secs(seconds)
    }

    fn open_seconds(health: Health, now: u64) -> i64 {
        (health.open_until.unwrap() - at(now)).whole_seconds()
    }

    #[test]
    fn five_in_a_row_open_it() {
        let four = Health::default().after(4, at(0), at(10)).unwrap();
        assert_eq!((four.failures, four.open_until), (4, None));
        let open = four.after(1, at(10), at(20)).unwrap();
        assert_eq!(open_seconds(open, 20), 30);
    }

    #[test]
    fn a_probe_that_fails_opens_it_for_twice_as_long() {
        let mut health = Health::default().after(5, at(0), at(10)).unwrap();
        let mut opened = Vec::new();
        let mut now = 10;
        for _ in 0..5 {
            let until = u64::try_from(open_seconds(health, 0)).unwrap();
            opened.push(until - now);
            // The gate lets the probe through, and holds back the others meanwhile.
            let probing = Health { open_until: Some(at(until) + PROBE), ..health };
            now = until + 10;
            health = probing.after(1, at(until), at(now)).unwrap();
        }
        assert_eq!(opened, [30, 60, 120, 240, 300]);
    }

    #[test]
    fn what_was_under_way_when_it_opened_counts_once() {
        let open = Health::default().after(64, at(0), at(10)).unwrap();
        assert_eq!(open.trips, 1);
        assert_eq!(open.after(64, at(9), at(19)), None);
    }

    #[test]
    fn nothing_told_changes_nothing() {
        assert_eq!(Health { failures: 3, ..Health::default() }.after(0, at(0), at(1)), None);
    }
}
