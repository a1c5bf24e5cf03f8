//! A provider in trouble: what goes wrong with an attempt to hand over a message, as shares of the attempts.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Answer, Ruling};

/// How many attempts (0 to 1) go wrong in which way; together at most 1. Each attempt to reach a recipient is decided anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Only so many attempts to reach a recipient go wrong; 0: any attempt may.
    pub first_attempts: u32,
    /// The message is taken, and the caller hears nothing for 30 s.
    pub accept_then_hang: f64,
    /// The message is taken, and the connection closed without an answer.
    pub accept_then_reset: f64,
    /// The message is taken, and the answer is 500. (SMTP: as `accept_then_reset`, for there a refusal is certain.)
    pub accept_then_500: f64,
    /// The message is taken, and the answer is a page of some network's.
    pub accept_then_garbage: f64,
    /// The message is taken, and the answer comes at one byte a second.
    pub trickle: f64,
    /// Not taken, and silence for 30 s.
    pub hang: f64,
    /// Not taken, and the connection closed without an answer.
    pub reset: f64,
    /// Not taken, and 500. (SMTP: 451.)
    pub server_error: f64,
    /// Not taken, and the answer is a page of some network's.
    pub garbage: f64,
    /// Not taken, and 429. (SMTP: 451.)
    pub throttle: f64,
}

impl Faults {
    fn shares(&self) -> [(&'static str, f64, Ruling, Answer); 10] {
        use Answer::{Garbage, Hang, Normal, Reset, ServerError, Trickle};
        [
            ("faults.accept_then_hang", self.accept_then_hang, Ruling::Accept, Hang),
            ("faults.accept_then_reset", self.accept_then_reset, Ruling::Accept, Reset),
            ("faults.accept_then_500", self.accept_then_500, Ruling::Accept, ServerError),
            ("faults.accept_then_garbage", self.accept_then_garbage, Ruling::Accept, Garbage),
            ("faults.trickle", self.trickle, Ruling::Accept, Trickle),
            ("faults.hang", self.hang, Ruling::Lose, Hang),
            ("faults.reset", self.reset, Ruling::Lose, Reset),
            ("faults.server_error", self.server_error, Ruling::ServerError, Normal),
            ("faults.garbage", self.garbage, Ruling::Lose, Garbage),
            ("faults.throttle", self.throttle, Ruling::Throttle, Normal),
        ]
    }

    /// The setting at fault, if one is out of range.
    pub fn fault(&self) -> Option<&'static str> {
        let shares = self.shares();
        let bad = shares.iter().find(|(_, share, ..)| !(0.0..=1.0).contains(share)).map(|(name, ..)| *name);
        let sum: f64 = shares.iter().map(|(_, share, ..)| share).sum();
        bad.or((sum > 1.0 + f64::EPSILON).then_some("faults"))
    }

    pub fn any(&self) -> bool {
        self.shares().iter().any(|(_, share, ..)| *share > 0.0)
    }

    /// What goes wrong with an attempt, if anything does. `draw` is a number in 0..1 that belongs to it.
    pub fn strike(&self, attempt: u32, draw: f64) -> Option<(Ruling, Answer)> {
        if attempt == 0 || self.first_attempts > 0 && attempt > self.first_attempts {
            return None;
        }
        let mut upto = 0.0;
        self.shares().into_iter().find_map(|(_, share, ruling, answer)| {
            upto += share;
            (draw < upto).then_some((ruling, answer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_parts_of_one() {
        let faults = Faults { accept_then_hang: 0.25, garbage: 0.25, throttle: 0.5, ..Faults::default() };
        let at = |draw| faults.strike(3, draw);
        assert_eq!(at(0.0), Some((Ruling::Accept, Answer::Hang)));
        assert_eq!(at(0.3), Some((Ruling::Lose, Answer::Garbage)));
        assert_eq!(at(0.5), Some((Ruling::Throttle, Answer::Normal)));
        assert_eq!(Faults { throttle: 0.25, ..faults.clone() }.strike(1, 0.9), None);
        assert_eq!(faults.fault(), None);
        assert_eq!(Faults { reset: 0.1, ..faults.clone() }.fault(), Some("faults"));
        assert_eq!(Faults { reset: -0.1, ..faults }.fault(), Some("faults.reset"));
    }

    #[test]
    fn later_attempts_may_be_spared() {
        let faults = Faults { first_attempts: 2, reset: 1.0, ..Faults::default() };
        let struck = [0, 1, 2, 3].map(|attempt| faults.strike(attempt, 0.5).is_some());
        assert_eq!(struck, [false, true, true, false]);
        assert!(faults.any() && !Faults::default().any());
    }
}
