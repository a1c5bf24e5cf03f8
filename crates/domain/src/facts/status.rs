//! How a delivery's standing is shown to people.

use super::{Bits, DELIVERED, PROVES_SENT};
use crate::delivery::State;

/// One step of the ladder: with any of `any` and any of `with` known, and none of `none`, the delivery shows as this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub any: Bits,
    /// Nothing: it needs no company.
    pub with: Bits,
    pub none: Bits,
}

/// The first line of which anything is known gives the status; the figures follow the same order. What is only guessed to be about
/// the delivery shows only when it is certain that it left.
const LADDER: [(&str, Bits, Bits); 13] = [
    ("converted", Bits::CONVERTED, PROVES_SENT),
    ("replied", Bits::REPLIED, PROVES_SENT),
    ("clicked", Bits::CLICKED, Bits::NONE),
    ("read", Bits::OPENED, Bits::NONE),
    ("delivered", DELIVERED, Bits::NONE),
    ("failed", Bits::FAILED, Bits::NONE),
    ("sent", PROVES_SENT, Bits::NONE),
    ("failed", Bits::REJECTED, Bits::NONE),
    ("suppressed", Bits::SUPPRESSED, Bits::NONE),
    ("cancelled", Bits::CANCELLED, Bits::NONE),
    ("expired", Bits::EXPIRED, Bits::NONE),
    ("unknown", Bits::UNKNOWN, Bits::NONE),
    ("uncertain", Bits::UNCERTAIN, Bits::NONE),
];

/// The status that is shown, from the facts and the ledger's state together.
#[must_use]
pub fn status(bits: Bits, state: State) -> &'static str {
    let known = bits | Bits::of_state(state);
    let holds = |any: Bits, with: Bits| known.any(any) && (with.is_empty() || known.any(with));
    LADDER.iter().find(|(_, any, with)| holds(*any, *with)).map_or(state.as_str(), |(status, ..)| status)
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
#[error(
    "use queued, sending, retry_wait, sent, delivered, read, clicked, replied, converted, failed, uncertain, unknown, suppressed, \
     cancelled or expired"
)]
pub struct UnknownStatus;

impl Wanted {
    /// With any of these known, a delivery is not waiting any more, whatever the ledger says.
    pub const DECIDED: Bits = {
        let (mut all, mut line) = (Bits::NONE, 0);
        while line < LADDER.len() {
            if LADDER[line].2.is_empty() {
                all = all.and(LADDER[line].1);
            }
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
        // A guess stands above only those lines that prove by themselves what it needs; below them the proof alone excludes.
        let (mut above, mut guesses) = (Bits::NONE, Bits::NONE);
        let mut steps = Vec::new();
        for (status, any, with) in LADDER {
            if status == wanted {
                let proven = !with.is_empty() || any.without(PROVES_SENT).is_empty();
                steps.push(Step { any, with, none: if proven { above | guesses } else { above } });
            }
            if with.is_empty() {
                above |= any;
            } else {
                guesses |= any;
            }
        }
        if steps.is_empty() { Err(UnknownStatus) } else { Ok(Self::Known(steps)) }
    }
}
