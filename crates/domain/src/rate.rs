//! A sender's pace: a generic cell rate algorithm (ITU-T I.371) whose only state is when the next message may leave.

use std::time::Duration;

/// How far behind the clock a pace may lag, and so how much may leave at once: small, so that a restart makes no burst.
const SLACK: Duration = Duration::from_millis(100);

/// What the pace allows now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    /// How many may leave now; at most what was wanted.
    pub count: u32,
    /// Where `next_at` moves, in seconds on the same clock as `now`.
    pub next_at: f64,
    /// How long until one more may leave, when fewer than wanted were granted.
    pub wait: Option<Duration>,
}

/// Grants up to `want` messages at `rate_per_second`. `next_at` and `now` are seconds on one clock.
#[must_use]
pub fn grant(next_at: f64, now: f64, want: u32, rate_per_second: f64) -> Grant {
    let interval = 1.0 / rate_per_second;
    let slack = SLACK.as_secs_f64().max(interval);
    let base = next_at.max(now - slack);
    // The small constant keeps a division's rounding from costing a message.
    let available = ((now - base) / interval + 1e-6).floor().max(0.0);
    let count = if available >= f64::from(want) { want } else { available as u32 };
    let next_at = base + f64::from(count) * interval;
    let wait = (count < want).then(|| Duration::from_secs_f64((next_at + interval - now).max(0.001)));
    Grant { count, next_at, wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for `want` every `every` seconds, and answers how many left in each 10 s.
    fn run(rate: f64, want: u32, every: f64, seconds: f64) -> Vec<u32> {
        let (mut next_at, mut now, mut windows) = (0.0, 0.0, Vec::new());
        while now < seconds {
            let granted = grant(next_at, now, want, rate);
            next_at = granted.next_at;
            let window = (now / 10.0) as usize;
            windows.resize(windows.len().max(window + 1), 0);
            windows[window] += granted.count;
            now += every;
        }
        windows
    }

    #[test]
    fn the_rate_holds_over_any_ten_seconds() {
        for (rate, every) in [(5.0, 0.01), (10.0, 0.05), (20.0, 0.001), (80.0, 0.02), (2000.0, 0.01)] {
            for count in run(rate, 64, every, 30.0) {
                let ideal = rate * 10.0;
                assert!(f64::from(count) <= ideal * 1.05 && f64::from(count) >= ideal * 0.95, "rate {rate}: {count} in 10 s");
            }
        }
    }

    #[test]
    fn a_long_rest_makes_no_burst() {
        let granted = grant(0.0, 1_000_000.0, 64, 10.0);
        assert_eq!(granted.count, 1);
    }

    #[test]
    fn the_wait_is_just_long_enough() {
        let first = grant(100.0, 100.0, 5, 10.0);
        assert_eq!(first.count, 0);
        let wait = first.wait.unwrap().as_secs_f64();
        assert_eq!(grant(first.next_at, 100.0 + wait, 1, 10.0).count, 1);
    }
}
