//! Style sheets moved into the `style` attributes of the elements that they are for, since many mail programs drop sheets.
//!
//! Done once, when a template is compiled, so that it costs no message anything. Nothing is fetched. What only a sheet can say (media
//! queries, `:hover`) stays in it.

use super::{
    mask::{Masks, blank},
    scan::{Piece, Scan, scan},
    structure,
};
use crate::render::bounded::Bounded;
use css_inline::{CSSInliner, InlineError};
use std::ops::Range;

/// Elements times the square of declarations at most: what inlining takes at worst.
const MAX_WORK: usize = 300_000_000;
/// Levels of elements within each other; the inliner calls itself for each.
const MAX_DEPTH: usize = 120;
const MAX_ELEMENTS: usize = 20_000;

/// Why styles stay where they are. The message is as good as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There are none.
    NoStyles,
    /// A statement stands among the styles, so that they aren't the same for everybody.
    Statement,
    /// The markup has faults, which would be mended in ways that nobody asked for.
    Faults,
    TooMuch,
    /// The style sheet can't be read.
    Unreadable,
}

/// The source with its styles inlined.
///
/// # Errors
/// Says why they are left as they are.
pub fn inline(source: &str, most_bytes: usize) -> Result<String, Left> {
    let blanked = blank(source);
    let found = scan(&blanked);
    let sheets: Vec<_> = found.pieces.iter().filter_map(sheet).collect();
    if sheets.is_empty() {
        return Err(Left::NoStyles);
    }
    if sheets.iter().any(|at| source[at.clone()].contains("{%") || source[at.clone()].contains("{#")) {
        return Err(Left::Statement);
    }
    let declarations = sheets.iter().map(|at| blanked[at.clone()].matches(':').count()).sum();
    if is_too_much(&found, declarations) {
        return Err(Left::TooMuch);
    }
    if !structure::is_sound(source, &found) {
        return Err(Left::Faults);
    }
    let (masked, masks) = Masks::hide(source);
    let inlined = run(&masked, most_bytes)?;
    masks.show(&inlined).map_err(|_| Left::Faults)
}

fn sheet(piece: &Piece) -> Option<Range<usize>> {
    match piece {
        Piece::Raw { element, at } if element == "style" => Some(at.clone()),
        _ => None,
    }
}

fn is_too_much(found: &Scan, declarations: usize) -> bool {
    let elements = found.starts().count();
    let work = declarations.saturating_mul(declarations).saturating_mul(elements);
    elements > MAX_ELEMENTS || structure::depth(found) > MAX_DEPTH || work > MAX_WORK
}

fn run(masked: &str, most_bytes: usize) -> Result<String, Left> {
    let inliner = CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_link_tags(true)
        .keep_style_tags(true)
        .remove_inlined_selectors(true)
        .build();
    let mut output = Bounded::new(most_bytes.saturating_mul(2));
    inliner.inline_to(masked, &mut output).map_err(|error| match error {
        InlineError::IO(_) => Left::TooMuch,
        _ => Left::Unreadable,
    })?;
    String::from_utf8(output.bytes).map_err(|_| Left::Unreadable)
}
