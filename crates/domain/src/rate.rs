//! A sender's pace: a generic cell rate algorithm (ITU-T I.371) whose state is when the next message may leave, how far the sender
//! has been slowed down, and for how long bulk gives way.

#[cfg(test)]
mod simulation;

use std::time::Duration;

/// How far behind the clock a pace may lag, and so how much may leave at once: small, so that a restart makes no burst (in ten seconds 2 %
/// more than the rate); large enough to make up for a replica that hands on its jobs.
const SLACK: Duration = Duration::from_millis(200);
/// The least fraction of its rate that a sender is slowed down to.
const SLOWEST: f64 = 0.1;
/// How long a sender that was slowed down takes to be at its full rate again.
const RECOVERY: Duration = Duration::from_secs(30);
/// How long bulk gives way at most: a lane that asked for more and died must not stop the other for longer.
const LONGEST_YIELD: Duration = Duration::from_secs(5);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Messages that a person waits for: bulk gives way to them.
    Fast,
    Bulk,
}

/// A sender's pace as it is stored. All times are seconds on one clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// When the next message may leave.
    pub next_at: f64,
    /// The fraction of the sender's rate that it had at `pace_at`.
    pub pace: f64,
    pub pace_at: Option<f64>,
    /// Bulk waits until then.
    pub yield_until: Option<f64>,
}

/// What the pace allows now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    /// How many may leave now; at most what was wanted.
    pub count: u32,
    /// Where `next_at` moves.
    pub next_at: f64,
    /// Where `yield_until` moves.
    pub yield_until: Option<f64>,
    /// How long until one more may leave, when fewer than wanted were granted.
    pub wait: Option<Duration>,
}

/// The fraction of its rate that a sender has now: full again half a minute after it was slowed down, and on its way there in between.
#[must_use]
pub fn pace(pace: f64, pace_at: Option<f64>, now: f64) -> f64 {
    let Some(at) = pace_at else { return 1.0 };
    let recovered = ((now - at) / RECOVERY.as_secs_f64()).clamp(0.0, 1.0);
    (pace + (1.0 - pace) * recovered).clamp(SLOWEST, 1.0)
}

/// How long after a sender was slowed down it isn't slowed down further: what was under way then is told the same.
pub const SLOWED_FOR: Duration = Duration::from_secs(5);

/// The fraction that a sender is slowed down to when its provider says that it goes too fast, from the one it has now. Told so all the
/// time, it comes to rest at about half its rate.
#[must_use]
pub fn throttled(pace: f64) -> f64 {
    (pace * 0.7).max(SLOWEST)
}

/// Grants up to `want` messages at `rate_per_second`, less what the sender was slowed down by.
#[must_use]
pub fn grant(bucket: &Bucket, now: f64, want: u32, rate_per_second: f64, lane: Lane) -> Grant {
    let interval = 1.0 / (rate_per_second * pace(bucket.pace, bucket.pace_at, now));
    let yielding = bucket.yield_until.filter(|until| *until > now);
    if let (Some(until), Lane::Bulk) = (yielding, lane) {
        return Grant { count: 0, next_at: bucket.next_at, yield_until: yielding, wait: Some(seconds(until - now)) };
    }
    let slack = SLACK.as_secs_f64().max(interval);
    let base = bucket.next_at.max(now - slack);
    // The small constant keeps a division's rounding from costing a message.
    let available = ((now - base) / interval + 1e-6).floor().max(0.0);
    let count = if available >= f64::from(want) { want } else { available as u32 };
    let next_at = base + f64::from(count) * interval;
    let missing = want - count;
    let yield_until = match lane {
        // Until all that it wants can have left.
        Lane::Fast if missing > 0 => Some((next_at + f64::from(missing) * interval).min(now + LONGEST_YIELD.as_secs_f64())),
        Lane::Fast | Lane::Bulk => yielding,
    };
    let wait = (missing > 0).then(|| seconds(next_at + interval - now));
    Grant { count, next_at, yield_until, wait }
}

/// A wait, never so short that it is none.
fn seconds(wait: f64) -> Duration {
    Duration::from_secs_f64(wait.max(0.001))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(next_at: f64) -> Bucket {
        Bucket { next_at, pace: 1.0, pace_at: None, yield_until: None }
    }

    #[test]
    fn a_long_rest_makes_no_burst() {
        assert_eq!(grant(&bucket(0.0), 1_000_000.0, 64, 5.0, Lane::Bulk).count, 1);
        assert_eq!(grant(&bucket(0.0), 1_000_000.0, 64, 10.0, Lane::Bulk).count, 2);
        assert_eq!(grant(&bucket(0.0), 1_000_000.0, 500, 1_000.0, Lane::Bulk).count, 200, "a fifth of a second's worth");
    }

    #[test]
    fn the_wait_is_just_long_enough() {
        let first = grant(&bucket(100.0), 100.0, 5, 10.0, Lane::Bulk);
        assert_eq!(first.count, 0);
        let wait = first.wait.unwrap().as_secs_f64();
        assert_eq!(grant(&bucket(first.next_at), 100.0 + wait, 1, 10.0, Lane::Bulk).count, 1);
    }

    #[test]
    fn a_sender_that_was_slowed_down_recovers_within_half_a_minute() {
        assert!((pace(0.5, Some(0.0), 0.0) - 0.5).abs() < 1e-9);
        assert!((pace(0.5, Some(0.0), 15.0) - 0.75).abs() < 1e-9);
        assert!((pace(0.5, Some(0.0), 30.0) - 1.0).abs() < 1e-9);
        assert!((pace(0.5, Some(0.0), 1e9) - 1.0).abs() < 1e-9);
        assert!((pace(0.2, None, 5.0) - 1.0).abs() < 1e-9);
        let mut slowed = 1.0;
        for _ in 0..10 {
            slowed = throttled(slowed);
        }
        assert!((slowed - SLOWEST).abs() < 1e-9, "never to a standstill");
        let slow = Bucket { pace: 0.5, pace_at: Some(100.0), ..bucket(100.0) };
        let wait = grant(&slow, 100.0, 1, 10.0, Lane::Bulk).wait.unwrap();
        assert_eq!(wait.as_millis(), 200, "half the rate, twice the wait");
    }

    #[test]
    fn bulk_gives_way_until_the_fast_lane_has_what_it_wants() {
        let fast = grant(&bucket(100.0), 100.0, 3, 10.0, Lane::Fast);
        assert_eq!(fast.count, 0);
        let after = Bucket { yield_until: fast.yield_until, ..bucket(fast.next_at) };
        let bulk = grant(&after, 100.25, 10, 10.0, Lane::Bulk);
        assert_eq!((bulk.count, bulk.yield_until), (0, fast.yield_until));
        assert!(bulk.wait.unwrap() <= Duration::from_millis(51), "it waits until three have left");
        assert_eq!(grant(&after, 100.25, 3, 10.0, Lane::Fast).count, 2);
        assert!(grant(&after, 100.31, 10, 10.0, Lane::Bulk).count > 0);
        let greedy = grant(&bucket(100.0), 100.0, 10_000, 1.0, Lane::Fast);
        assert!(greedy.yield_until.unwrap() <= 105.0, "not longer than five seconds");
    }
}
