//! What is known of a delivery, and the figures that follow from it.
//!
//! A fact sets one bit ([`Kind::bit`]); bits only ever get set, and every figure is a function of the set ([`counted`]). So neither
//! the order of facts nor their repetition can change a figure, and counters move by the difference of two such functions.
//! The same functions serve the fold, the recount and the list of deliveries. Nothing here knows where facts are kept.

mod bits;
mod figures;
mod known;
mod notice;
mod status;
mod tally;

pub use bits::{Bits, Kind};
pub use figures::{DELIVERED, DOUBTFUL, Metric, PROVES_SENT, counted, counts};
pub use known::{Engaged, Known};
pub use notice::{Notice, failed_after_acceptance, notices};
pub use status::{Step, UnknownStatus, Wanted, status};
pub use tally::{Tally, rate};

use ring::digest;

/// Length of a fact's key.
pub const KEY_BYTES: usize = 16;

/// The key of a fact: the same text gives the same key, so that a fact told twice is counted once. The text names the source and its
/// own id of the event, such as `twilio/<sender>/<event>`.
#[must_use]
pub fn key(text: &str) -> [u8; KEY_BYTES] {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&hash.as_ref()[..KEY_BYTES]);
    key
}

#[cfg(test)]
mod tests;
