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
}

impl Known {
    /// Adds one fact; learning it again changes nothing.
    pub fn learn(&mut self, kind: Kind, at: OffsetDateTime, code: &str) {
        self.bits |= kind.bit().unwrap_or(Bits::NONE);
        self.at = self.at.max(Some(at));
        if kind.has_code() && !code.is_empty() {
            let new = (at, code.to_owned());
            if self.code.as_ref().is_none_or(|known| new < *known) {
                self.code = Some(new);
            }
        }
    }
}
