//! Who does what: pure decisions, each a function of (seed, channel, recipient), of `faults` also of the attempt.
//!
//! A recipient who refuses does so every time; one who opens opens every message. So two runs over the same
//! audience with the same seed come out the same, in whatever order the messages arrive.

mod faults;
mod mischief;
mod steps;

use std::time::Duration;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::message::Channel;
pub use faults::Faults;
pub use mischief::Mischief;
pub use steps::{Step, StepSet};

/// How likely each thing is (0 to 1), and how long things take (milliseconds, both ends included).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Before the provider's answer.
    pub latency_ms: [u64; 2],
    /// Before each callback, and before each thing the recipient does.
    pub callback_delay_ms: [u64; 2],
    /// Permanent refusal by the provider's interface.
    pub refuse: f64,
    /// 429 (SMTP: 451) at the first attempt only.
    pub throttle: f64,
    /// Accepted, then reported failed, undelivered or bounced.
    pub fail: f64,
    pub read: f64,
    /// Of those who read.
    pub click: f64,
    /// STOP reply, or one-click unsubscribe, of those who received it.
    pub stop: f64,
    /// Answer 500 without accepting, at the first attempt only.
    pub server_error: f64,
    /// Accept, then stay silent for 30 s and close, at the first attempt only.
    pub hang: f64,
    /// Accept, then close the connection without an answer, at the first attempt only.
    pub reset: f64,
    /// What goes wrong with any attempt.
    pub faults: Faults,
    /// What is done to the callbacks.
    pub callbacks: Mischief,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            latency_ms: [0, 0],
            callback_delay_ms: [50, 250],
            refuse: 0.01,
            throttle: 0.002,
            fail: 0.03,
            read: 0.45,
            click: 0.15,
            stop: 0.01,
            server_error: 0.0,
            hang: 0.0,
            reset: 0.0,
            faults: Faults::default(),
            callbacks: Mischief::default(),
        }
    }
}

/// What the provider's interface does with a request, before anything is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    Accept,
    Refuse,
    Throttle,
    ServerError,
    /// Not taken, and the answer doesn't say so.
    Lose,
}

/// How the caller hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Normal,
    Hang,
    Reset,
    ServerError,
    Garbage,
    /// At a byte a second.
    Trickle,
}

/// One recipient, as the seed makes them.
pub struct Fate<'a> {
    behaviour: &'a Behaviour,
    seed: u64,
    channel: Channel,
    to: &'a str,
}

impl Behaviour {
    pub fn fate<'a>(&'a self, seed: u64, channel: Channel, to: &'a str) -> Fate<'a> {
        Fate { behaviour: self, seed, channel, to }
    }

    /// The setting at fault, if one is out of range.
    pub fn fault(&self) -> Option<&'static str> {
        let rates = [
            ("refuse", self.refuse),
            ("throttle", self.throttle),
            ("fail", self.fail),
            ("read", self.read),
            ("click", self.click),
            ("stop", self.stop),
            ("server_error", self.server_error),
            ("hang", self.hang),
            ("reset", self.reset),
        ];
        let ranges = [("latency_ms", self.latency_ms), ("callback_delay_ms", self.callback_delay_ms)];
        let rate = rates.iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)).map(|(name, _)| *name);
        let range = ranges.iter().find(|(_, [lo, hi])| lo > hi || *hi > MAX_DELAY_MS).map(|(name, _)| *name);
        rate.or(range).or(self.faults.fault()).or(self.callbacks.fault())
    }
}

/// The longest delay that can be configured: one hour.
pub const MAX_DELAY_MS: u64 = 3_600_000;

impl Fate<'_> {
    /// `first` says whether this is the first attempt to reach this recipient.
    pub fn ruling(&self, first: bool) -> Ruling {
        let b = self.behaviour;
        if self.happens("refuse", b.refuse) {
            Ruling::Refuse
        } else if first && self.happens("throttle", b.throttle) {
            Ruling::Throttle
        } else if first && self.happens("server_error", b.server_error) {
            Ruling::ServerError
        } else {
            Ruling::Accept
        }
    }

    pub fn answer(&self, first: bool) -> Answer {
        if first && self.happens("hang", self.behaviour.hang) {
            Answer::Hang
        } else if first && self.happens("reset", self.behaviour.reset) {
            Answer::Reset
        } else {
            Answer::Normal
        }
    }

    /// What becomes of an attempt to reach this recipient, counted from 1; 0 where attempts aren't counted.
    pub fn attempt(&self, attempt: u32) -> (Ruling, Answer) {
        match (self.ruling(attempt == 1), self.answer(attempt == 1)) {
            (Ruling::Accept, Answer::Normal) => {
                let struck = self.behaviour.faults.strike(attempt, self.draw(&format!("fault {attempt}")));
                struck.unwrap_or((Ruling::Accept, Answer::Normal))
            }
            decided => decided,
        }
    }

    /// Whether the attempts to reach this recipient differ.
    pub fn minds_attempts(&self) -> bool {
        self.behaviour.faults.any() || self.ruling(true) != self.ruling(false) || self.answer(true) != Answer::Normal
    }

    /// Whether a report of this step is followed by one about nothing.
    pub fn invents(&self, step: Step) -> bool {
        self.happens(&format!("unknown {}", step.as_str()), self.behaviour.callbacks.unknown_ids)
    }

    /// All that would happen on a channel that can do everything.
    pub fn plan(&self) -> StepSet {
        let b = self.behaviour;
        if self.happens("fail", b.fail) {
            return StepSet::of(&[Step::Sent, Step::Failed]);
        }
        let mut plan = StepSet::of(&[Step::Sent, Step::Delivered]);
        if self.happens("read", b.read) {
            plan = plan.with(Step::Read);
            if self.happens("click", b.click) {
                plan = plan.with(Step::Click);
            }
        }
        if self.happens("stop", b.stop) {
            plan = plan.with(Step::Stop);
        }
        plan
    }

    /// Picks one of `choices` (not empty) for the purpose `what`.
    pub fn pick<'c, T>(&self, what: &str, choices: &'c [T]) -> Option<&'c T> {
        let at = (self.draw(what) * choices.len() as f64) as usize;
        choices.get(at.min(choices.len().saturating_sub(1)))
    }

    pub fn latency(&self) -> Duration {
        self.between("latency", self.behaviour.latency_ms)
    }

    pub fn delay(&self, step: Step) -> Duration {
        self.between(step.as_str(), self.behaviour.callback_delay_ms)
    }

    fn between(&self, what: &str, [lo, hi]: [u64; 2]) -> Duration {
        let span = hi.saturating_sub(lo) + 1;
        Duration::from_millis(lo + (self.draw(what) * span as f64) as u64)
    }

    fn happens(&self, what: &str, rate: f64) -> bool {
        rate > 0.0 && self.draw(what) < rate
    }

    /// A number in 0..1 that depends on nothing but the seed, the recipient and `what`.
    fn draw(&self, what: &str) -> f64 {
        let mut hash = Context::new(&SHA256);
        for part in [&self.seed.to_be_bytes()[..], self.channel.as_str().as_bytes(), self.to.as_bytes(), what.as_bytes()] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finish();
        let top = digest.as_ref().iter().take(8).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        (top >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(behaviour: &Behaviour, hit: impl Fn(&Fate) -> bool) -> f64 {
        let n = 20_000;
        let hits = (0..n).filter(|i| hit(&behaviour.fate(7, Channel::Email, &format!("user{i}@example.com")))).count();
        hits as f64 / f64::from(n)
    }

    #[test]
    fn decisions_depend_only_on_seed_channel_and_recipient() {
        let b = Behaviour::default();
        let plan = |seed, channel, to: &str| b.fate(seed, channel, to).plan();
        let all = |seed, channel| (0..500).map(|i| plan(seed, channel, &format!("+1555{i:07}"))).collect::<Vec<_>>();
        assert_eq!(all(7, Channel::Sms), all(7, Channel::Sms));
        assert_ne!(all(7, Channel::Sms), all(8, Channel::Sms));
        assert_ne!(all(7, Channel::Sms), all(7, Channel::Whatsapp));
    }

    #[test]
    fn rates_are_near_what_was_asked() {
        let b = Behaviour { refuse: 0.1, throttle: 0.2, fail: 0.05, read: 0.5, click: 0.4, stop: 0.03, ..Behaviour::default() };
        let near = |got: f64, want: f64| assert!((got - want).abs() < 0.015, "{got} is not near {want}");
        near(share(&b, |f| f.ruling(true) == Ruling::Refuse), 0.1);
        near(share(&b, |f| f.ruling(true) == Ruling::Throttle), 0.9 * 0.2);
        near(share(&b, |f| f.ruling(false) == Ruling::Throttle), 0.0);
        near(share(&b, |f| f.plan().has(Step::Failed)), 0.05);
        near(share(&b, |f| f.plan().has(Step::Read)), 0.95 * 0.5);
        near(share(&b, |f| f.plan().has(Step::Click)), 0.95 * 0.5 * 0.4);
        near(share(&b, |f| f.plan().has(Step::Stop)), 0.95 * 0.03);
    }

    #[test]
    fn zero_never_happens_and_one_always_does() {
        let b = Behaviour { refuse: 0.0, hang: 1.0, ..Behaviour::default() };
        assert_eq!(share(&b, |f| f.ruling(false) == Ruling::Refuse), 0.0);
        assert_eq!(share(&b, |f| f.answer(true) == Answer::Hang), 1.0);
        assert_eq!(share(&b, |f| f.answer(false) == Answer::Hang), 0.0);
    }

    #[test]
    fn nobody_clicks_what_they_did_not_read_and_failure_ends_it() {
        let b = Behaviour { fail: 0.3, click: 1.0, stop: 0.5, ..Behaviour::default() };
        assert_eq!(share(&b, |f| f.plan().has(Step::Click) && !f.plan().has(Step::Read)), 0.0);
        assert_eq!(share(&b, |f| f.plan().has(Step::Failed) && f.plan().len() > 2), 0.0);
    }

    #[test]
    fn delays_stay_within_their_range() {
        let b = Behaviour { callback_delay_ms: [20, 30], ..Behaviour::default() };
        assert_eq!(share(&b, |f| (20..=30).contains(&(f.delay(Step::Read).as_millis() as u64))), 1.0);
    }

    #[test]
    fn faults_name_the_setting() {
        assert_eq!(Behaviour::default().fault(), None);
        assert_eq!(Behaviour { click: 1.5, ..Behaviour::default() }.fault(), Some("click"));
        assert_eq!(Behaviour { latency_ms: [5, 1], ..Behaviour::default() }.fault(), Some("latency_ms"));
    }
}
