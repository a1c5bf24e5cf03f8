//! What several facts say together of one delivery.

use super::{Bits, Kind};
use time::OffsetDateTime;

/// The sum of facts about one delivery, the same in whatever order they were learned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    pub bits: Bits,
    /// The smallest (time, code) of what failed or suppressed it, so that order of arrival can't matter.
    pub code: Option<(OffsetDateTime, String)>,
    /// The latest time of all.
    pub at: Option<OffsetDateTime>,
    pub engaged: Engaged,
    /// What it really cost, in millionths, as far as its facts say: the dearest of its tries. 0: its sender's price.
    pub cost_micros: i64,
}

/// When a person first did each thing that rules across channels ask for; a machine's open is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engaged {
    /// Opened, read or clicked, which implies it.
    pub opened: Option<OffsetDateTime>,
    pub clicked: Option<OffsetDateTime>,
    pub replied: Option<OffsetDateTime>,
    pub converted: Option<OffsetDateTime>,
}

impl Engaged {
    fn learn(&mut self, kind: Kind, at: OffsetDateTime) {
        let first = |known: &mut Option<OffsetDateTime>| *known = Some(known.map_or(at, |known| known.min(at)));
        match kind {
            Kind::Opened => first(&mut self.opened),
            Kind::Clicked => {
                first(&mut self.opened);
                first(&mut self.clicked);
            }
            Kind::Replied => first(&mut self.replied),
            Kind::Converted => first(&mut self.converted),
            _ => {}
        }
    }
}

impl Known {
    /// Adds what a fact says that it cost.
    pub fn learn_cost(&mut self, micros: i64) {
        self.cost_micros = self.cost_micros.max(micros);
    }

    /// Adds one fact; learning it again changes nothing.
    pub fn learn(&mut self, kind: Kind, at: OffsetDateTime, code: &str) {
        self.bits |= kind.bit().unwrap_or(Bits::NONE);
        self.at = self.at.max(Some(at));
        self.engaged.learn(kind, at);
        if kind.has_code() && !code.is_empty() {
            let new = (at, code.to_owned());
            if self.code.as_ref().is_none_or(|known| new < *known) {
                self.code = Some(new);
            }
        }
    }
}
