//! Replicas that share one pace, by a simulated clock.

use super::*;

/// One job of one replica: asks, sends what it was granted, asks again.
struct Job {
    wakes_at: f64,
    lane: Lane,
}

/// Numbers in 0..1 that are the same at every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Runs `jobs` jobs of three replicas for a minute; answers when messages left, in order.
fn leave(rate: f64, jobs: usize, provider_seconds: f64, seed: u64) -> Vec<f64> {
    let mut chance = Chance(seed);
    let mut jobs: Vec<Job> = (0..3 * jobs).map(|_| Job { wakes_at: 1_000.0 + chance.next(), lane: Lane::Bulk }).collect();
    let mut bucket = Bucket { next_at: 0.0, pace: 1.0, pace_at: None, yield_until: None };
    let mut left = Vec::new();
    loop {
        // Whose turn it is; all share the one clock.
        let Some(job) = jobs.iter_mut().min_by(|a, b| a.wakes_at.total_cmp(&b.wakes_at)) else { return left };
        let now = job.wakes_at;
        if now > 1_060.0 {
            return left;
        }
        let granted = grant(&bucket, now, 64, rate, job.lane);
        (bucket.next_at, bucket.yield_until) = (granted.next_at, granted.yield_until);
        left.extend(std::iter::repeat_n(now, granted.count as usize));
        let busy = if granted.count > 0 { provider_seconds * (0.5 + chance.next()) } else { 0.0 };
        let wait = granted.wait.map_or(0.0, |wait| wait.as_secs_f64());
        // The gate itself takes a few milliseconds, and a timer is a little late.
        job.wakes_at = now + busy.max(wait) + 0.002 + 0.004 * chance.next();
    }
}

/// The most and the fewest that left in any window of ten seconds, wherever it starts.
fn extremes(left: &[f64]) -> (usize, usize) {
    let (mut most, mut fewest) = (0, usize::MAX);
    let count = |from: f64| left.partition_point(|at| *at < from + 10.0) - left.partition_point(|at| *at < from);
    let starts = left.iter().flat_map(|at| [*at, *at + 1e-6]).filter(|from| (1_002.0..1_049.0).contains(from));
    for from in starts {
        most = most.max(count(from));
        fewest = fewest.min(count(from));
    }
    (most, fewest)
}

#[test]
fn three_replicas_keep_the_rate_over_any_ten_seconds() {
    // Rates, jobs of each replica, and how long the provider takes: enough jobs to keep the pace.
    for (rate, jobs, provider_seconds) in [(5.0, 4, 0.2), (10.0, 4, 0.3), (20.0, 8, 0.3), (80.0, 16, 0.2), (2_000.0, 16, 0.05)] {
        for seed in 1..=5 {
            let (most, fewest) = extremes(&leave(rate, jobs, provider_seconds, seed));
            let ideal = rate * 10.0;
            assert!(most as f64 <= ideal * 1.05, "rate {rate}, seed {seed}: {most} in 10 s");
            assert!(fewest as f64 >= ideal * 0.95, "rate {rate}, seed {seed}: {fewest} in 10 s");
        }
    }
}
