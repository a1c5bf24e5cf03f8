//! How a delivery's standing is shown to people.

use super::Bits;
use crate::delivery::State;

/// One step of the ladder: with any of `any` known and none of `none`, the delivery shows as this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub any: Bits,
    pub none: Bits,
}

/// The first line of which anything is known gives the status; the figures follow the same order.
const LADDER: [(&str, Bits); 10] = [
    ("clicked", Bits::CLICKED),
    ("read", Bits::OPENED),
    ("delivered", Bits::DELIVERED),
    ("failed", Bits::FAILED),
    ("sent", Bits::ACCEPTED.and(Bits::SENT).and(Bits::COMPLAINED)),
    ("failed", Bits::REJECTED),
    ("suppressed", Bits::SUPPRESSED),
    ("cancelled", Bits::CANCELLED),
    ("expired", Bits::EXPIRED),
    ("uncertain", Bits::UNCERTAIN),
];

/// The status that is shown, from the facts and the ledger's state together.
#[must_use]
pub fn status(bits: Bits, state: State) -> &'static str {
    let known = bits | Bits::of_state(state);
    LADDER.iter().find(|(_, any)| known.any(*any)).map_or(state.as_str(), |(status, _)| status)
}

/// Which deliveries show as one status, as a condition for a query over what facts and ledger say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The ledger says so, and nothing of [`Wanted::DECIDED`] is known.
    Waiting(State),
    /// One of these steps holds.
    Known(Vec<Step>),
}

/// No delivery ever shows as this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use queued, sending, retry_wait, sent, delivered, read, clicked, failed, uncertain, suppressed, cancelled or expired")]
pub struct UnknownStatus;

impl Wanted {
    /// With any of these known, a delivery is not waiting any more, whatever the ledger says.
    pub const DECIDED: Bits = {
        let (mut all, mut line) = (Bits::NONE, 0);
        while line < LADDER.len() {
            all = all.and(LADDER[line].1);
            line += 1;
        }
        all
    };

    /// The deliveries that show as `wanted`.
    ///
    /// # Errors
    /// When none ever does.
    pub fn parse(wanted: &str) -> Result<Self, UnknownStatus> {
        if let Some(state) = wanted.parse().ok().filter(|state: &State| state.is_pending()) {
            return Ok(Self::Waiting(state));
        }
        let mut above = Bits::NONE;
        let mut steps = Vec::new();
        for (status, any) in LADDER {
            if status == wanted {
                steps.push(Step { any, none: above });
            }
            above |= any;
        }
        if steps.is_empty() { Err(UnknownStatus) } else { Ok(Self::Known(steps)) }
    }
}
