//! Cells of files that people open in spreadsheets: no text of ours may become a formula there.
//!
//! Guarding and unguarding are each other's inverse, so that what is exported can be imported again without a change. Source of the
//! characters: OWASP, "CSV Injection".

use std::borrow::Cow;

/// What a spreadsheet takes for a formula's beginning, also in full width.
const STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The text as a cell: with an apostrophe before it where it would start a formula, or would lose an apostrophe to [`unguard`].
#[must_use]
pub fn guard(text: &str) -> Cow<'_, str> {
    if needs_guard(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that a cell stands for.
#[must_use]
pub fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| needs_guard(text)).unwrap_or(cell)
}

fn needs_guard(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_starts_a_formula_and_each_is_read_back_as_it_was() {
        for text in ["=1+1", "+971501234567", "-5", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1", "＝1", "=cmd|' /C calc'!A0"] {
            let cell = guard(text);
            assert!(cell.starts_with('\'') && !cell.starts_with(STARTS), "{text:?} gives {cell:?}");
            assert_eq!(unguard(&cell), text);
        }
        for text in ["", "Sara", "'quoted'", "a=1", "O'Hara", "'", "1-2"] {
            assert_eq!(guard(text), text);
            assert_eq!(unguard(text), text);
        }
        assert_eq!(unguard("'=1"), "=1", "as others guard it");
    }
}
