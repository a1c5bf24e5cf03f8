//! What the providers' error tables have in common: a row, the look-up, and the fault that comes of it.

use crate::{Fault, FaultAction, Outcome, Waits};
use std::time::Duration;

pub(crate) const RETRY: FaultAction = FaultAction::Retry { after: None, at_most: None };
pub(crate) const THROTTLE: FaultAction = FaultAction::Throttle { after: None };
pub(crate) const PERMANENT: FaultAction = FaultAction::Permanent;
pub(crate) const FIX_ACCOUNT: FaultAction = FaultAction::FixAccount;
pub(crate) const INVALID: FaultAction = FaultAction::InvalidAddress;
pub(crate) const OPT_OUT: FaultAction = FaultAction::OptOut;
pub(crate) const PAUSE: FaultAction = FaultAction::PauseSender;
pub(crate) const PAUSE_TEMPLATE: FaultAction = FaultAction::PauseTemplate;
pub(crate) const SLOW_DOMAIN: FaultAction = FaultAction::SlowDomain { after: None };
/// Meta's limit on marketing for one person, unless an account says otherwise.
pub(crate) const LADDER: FaultAction = FaultAction::Ladder { waits: Waits::of_hours([2, 12, 24]) };

pub(crate) const fn retry_after(seconds: u64) -> FaultAction {
    FaultAction::Retry { after: Some(Duration::from_secs(seconds)), at_most: None }
}

/// One further try, after so long.
pub(crate) const fn retry_once(seconds: u64) -> FaultAction {
    FaultAction::Retry { after: Some(Duration::from_secs(seconds)), at_most: Some(1) }
}

pub(crate) const fn throttle_for(seconds: u64) -> FaultAction {
    FaultAction::Throttle { after: Some(Duration::from_secs(seconds)) }
}

/// One line of a provider's table: its code, what follows from it, and what it means in our words.
#[derive(Debug)]
pub(crate) struct Row {
    pub code: u32,
    pub action: FaultAction,
    pub meaning: &'static str,
}

pub(crate) const fn row(code: u32, action: FaultAction, meaning: &'static str) -> Row {
    Row { code, action, meaning }
}

/// The line for `code`; the table is sorted by code (a test per table sees to it).
pub(crate) fn find(table: &'static [Row], code: u32) -> Option<&'static Row> {
    table.binary_search_by_key(&code, |row| row.code).ok().map(|index| &table[index])
}

impl Fault {
    /// `detail` is told without what may be an address, a number or a token.
    #[must_use]
    pub fn new(code: impl Into<String>, action: FaultAction, detail: &str) -> Self {
        Self { code: word(code.into()), detail: scrub(detail), action }
    }

    /// The message can't be put into this provider's form at all.
    pub(crate) fn content(detail: &str) -> Self {
        Self::new("content", PERMANENT, detail)
    }
}

impl Outcome {
    /// Nobody can say whether the message was accepted.
    #[must_use]
    pub fn uncertain(code: impl Into<String>, detail: &str) -> Self {
        Self::Uncertain(Fault::new(code, RETRY, detail))
    }
}

const CODE_MAX_BYTES: usize = 100;

/// A code as it is kept; more than that is none of a provider's.
fn word(code: String) -> String {
    let fits = code.len() <= CODE_MAX_BYTES && !code.contains(char::is_control);
    if fits { code } else { code.chars().filter(|c| !c.is_control()).take(CODE_MAX_BYTES / 4).collect() }
}

const DETAIL_MAX_CHARS: usize = 200;
/// Fewer digits than a phone number has, more than an error code.
const DIGITS_SHOWN: usize = 6;

/// The text without what may be an address, a number or a token, and not long.
pub(crate) fn scrub(text: &str) -> String {
    let mut kept = String::new();
    // No database takes a NUL, and no terminal should be told what to do.
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let shown = if word.contains('@') || digits > DIGITS_SHOWN { "…" } else { word };
        if kept.chars().count() + shown.chars().count() >= DETAIL_MAX_CHARS {
            kept.push('…');
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(shown);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_short_word() {
        let code = |text: &str| Fault::new(text, PERMANENT, "").code;
        assert_eq!((code("21610"), code("a\0b")), ("21610".to_owned(), "ab".to_owned()));
        assert!(code(&"é".repeat(500)).len() <= CODE_MAX_BYTES);
    }

    #[test]
    fn scrub_hides_addresses_and_long_numbers() {
        assert_eq!(
            scrub("The 'To' number +15558675310 is bad,\n write <ann@example.com> (code 21211)"),
            "The 'To' number … is bad, write … (code 21211)"
        );
        assert_eq!(scrub("a\0b \u{1b}[31mred"), "a b [31mred");
        assert!(scrub(&"word ".repeat(500)).chars().count() <= 201);
    }
}
