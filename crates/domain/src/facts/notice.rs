//! What the ledger must hear of: reports that settle what it wasn't sure of, and failures that came after the acceptance.

use super::{Bits, DELIVERED, DOUBTFUL, Kind, PROVES_SENT};

/// What a report means for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// It reached the person: delivered, opened, clicked.
    Reached,
    /// It left after all, as far as the try goes that this is about.
    Sent,
    /// It was refused: it never left.
    Refused,
    /// The provider took it, and could not deliver it.
    Failed,
}

impl Notice {
    pub const ALL: [Self; 4] = [Self::Reached, Self::Sent, Self::Refused, Self::Failed];

    /// The name used in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What follows for the ledger from one fact that the log didn't have, when `before` and `after` are what was known of its delivery
/// before and after the batch that brought it.
///
/// A failure is told each time, not only when it is the first: what was tried again may fail again. A doubt that comes after an
/// acceptance and a failure is about another try than these, and isn't settled by them.
pub fn notices(kind: Kind, before: Bits, after: Bits) -> impl Iterator<Item = Notice> {
    let bit = kind.bit().unwrap_or(Bits::NONE);
    let doubtful = after.any(DOUBTFUL);
    let late_doubt = bit.any(DOUBTFUL) && !before.any(DOUBTFUL) && before.any(PROVES_SENT) && !failed_after_acceptance(before);
    let reached = (doubtful && bit.any(DELIVERED)) || (late_doubt && before.any(DELIVERED));
    let sent = !reached && ((doubtful && bit.any(PROVES_SENT)) || late_doubt);
    let refused = doubtful && bit.any(Bits::REJECTED) && !after.any(PROVES_SENT);
    let failed = kind == Kind::Failed && !after.any(DELIVERED);
    [(reached, Notice::Reached), (sent, Notice::Sent), (refused, Notice::Refused), (failed, Notice::Failed)]
        .into_iter()
        .filter_map(|(follows, notice)| follows.then_some(notice))
}

/// Whether a try was accepted, failed and never delivered: what is tried again after that is another message.
#[must_use]
pub fn failed_after_acceptance(known: Bits) -> bool {
    known.any(Bits::ACCEPTED) && known.any(Bits::FAILED) && !known.any(DELIVERED)
}
