//! Callbacks as the worst of providers post them.

use serde::{Deserialize, Serialize};

/// What is done to callbacks. The figures count each report once, whatever is done here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mischief {
    /// How often each post is made: 1 to 10.
    pub copies: u32,
    /// The reports of a message come in an order of their own.
    pub shuffle: bool,
    /// The first report of a message is posted before the sender hears that the message is accepted.
    pub early: bool,
    /// How many posts (0 to 1) are followed by one about a message that never was.
    pub unknown_ids: f64,
    /// The reports' own times lie so many seconds in the past (Meta, SendGrid): they come late.
    pub backdate_s: u32,
}

impl Default for Mischief {
    fn default() -> Self {
        Mischief { copies: 1, shuffle: false, early: false, unknown_ids: 0.0, backdate_s: 0 }
    }
}

const MAX_COPIES: u32 = 10;
/// A month.
const MAX_BACKDATE_S: u32 = 31 * 24 * 60 * 60;

impl Mischief {
    /// The setting at fault, if one is out of range.
    pub fn fault(&self) -> Option<&'static str> {
        let faults = [
            ("callbacks.copies", !(1..=MAX_COPIES).contains(&self.copies)),
            ("callbacks.unknown_ids", !(0.0..=1.0).contains(&self.unknown_ids)),
            ("callbacks.backdate_s", self.backdate_s > MAX_BACKDATE_S),
        ];
        faults.iter().find(|(_, bad)| *bad).map(|(name, _)| *name)
    }
}
