//! MJML, converted to HTML once. Nothing is included from files or from elsewhere, and nothing is fetched.

use super::{
    mask::{Masks, blank},
    scan::{Attribute, Piece, Scan, scan},
    structure::{self, FaultKind},
};
use crate::{
    content::Locale,
    render::{
        Field,
        problem::{ContentProblem, Place},
    },
};
use mrml::prelude::{
    parser::{Error, Span},
    render::RenderOptions,
};
use std::{collections::HashMap, ops::Range};

const MAX_BYTES: usize = 256 * 1024;
/// Each element becomes a kilobyte or so.
const MAX_ELEMENTS: usize = 2_000;
/// Levels within each other; the converter calls itself for each.
const MAX_DEPTH: usize = 60;
/// Bytes of default attributes, which are written again at every element that they are for.
const MAX_DEFAULTS: usize = 8 * 1024;
/// What it writes for a carousel grows with the square of its pictures.
const MAX_PICTURES: usize = 20;
/// Defaults for languages that are written from right to left, where MJML's own say the opposite; the author's come after them.
const RIGHT: &str = "<mj-attributes><mj-section direction=\"rtl\" /><mj-wrapper direction=\"rtl\" /><mj-group direction=\"rtl\" />\
    <mj-column direction=\"rtl\" /><mj-text align=\"right\" /></mj-attributes>";

/// The HTML that an MJML source stands for, its template tags kept.
///
/// # Errors
/// Names what can't be converted, and where.
pub fn convert(source: &str, locale: Option<&Locale>) -> Result<String, Vec<ContentProblem>> {
    let found = scan(&blank(source));
    let problems = refused(source, &found);
    if !problems.is_empty() {
        return Err(problems);
    }
    let source = prepared(source, &found, locale);
    let (masked, masks) = Masks::hide(&source.text);
    let problem = |at: Option<usize>, message: String, remedy: &str| {
        let problem = ContentProblem::error(Field::EmailMjml, message, remedy);
        vec![match at {
            Some(at) => problem.at(source.place(masks.source_at(at))),
            None => problem,
        }]
    };
    let parsed =
        mrml::parse(&masked).map_err(|error| problem(position(&error), explain(&error), "write it as the MJML documentation has it"))?;
    let options = RenderOptions { disable_comments: false, social_icon_origin: None, fonts: HashMap::new() };
    let html = parsed.element.render(&options).map_err(|error| problem(None, format!("can't be converted: {error}"), ""))?;
    masks.show(&html).map_err(|lost| {
        let message = format!("{} can't stand here", lost.tag);
        let remedy = "put it around whole elements in mj-raw, or into the text of one element";
        vec![ContentProblem::error(Field::EmailMjml, message, remedy).at(source.place(lost.at))]
    })
}

fn refused(source: &str, found: &Scan) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let mut error = |at: Option<usize>, message: String, remedy: &str| {
        let problem = ContentProblem::error(Field::EmailMjml, message, remedy);
        problems.push(match at {
            Some(at) => problem.at(Place::of(source, at)),
            None => problem,
        });
    };
    if source.len() > MAX_BYTES {
        error(None, format!("is longer than {MAX_BYTES} bytes"), "make it shorter");
    }
    if found.starts().count() > MAX_ELEMENTS {
        error(None, format!("has more than {MAX_ELEMENTS} elements"), "make them fewer");
    }
    if structure::depth(found) > MAX_DEPTH {
        error(None, format!("has elements more than {MAX_DEPTH} deep within each other"), "make them shallower");
        return problems;
    }
    for start in found.starts().filter(|start| start.name == "mj-include") {
        error(
            Some(start.at.start),
            "mj-include can't be used: there are no files here".to_owned(),
            "write the part itself, or use a fragment",
        );
    }
    if found.starts().filter(|start| start.name == "mj-carousel-image").count() > MAX_PICTURES {
        error(None, format!("has more than {MAX_PICTURES} pictures in carousels"), "make them fewer");
    }
    let defaults: usize = within(found, "mj-attributes").iter().map(ExactSizeIterator::len).sum();
    if defaults > MAX_DEFAULTS {
        error(None, format!("has more than {MAX_DEFAULTS} bytes in mj-attributes"), "make them fewer");
    }
    // The converter would say "unexpected" of something further down.
    for fault in structure::faults(source, found).iter().filter(|fault| fault.element.starts_with("mj")) {
        let (message, remedy) = match fault.kind {
            FaultKind::NotEnded => (format!("<{}> is never closed", fault.element), "close it"),
            FaultKind::NotBegun => (format!("</{}> closes nothing", fault.element), "remove it, or open it"),
        };
        error(Some(fault.at), message, remedy);
    }
    for (at, what) in &found.open {
        error(Some(*at), format!("{what} that begins here never ends"), "end it");
    }
    problems
}

/// What stands within each element of that name.
fn within(found: &Scan, element: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut begun = None;
    for piece in &found.pieces {
        match piece {
            Piece::Start(start) if start.name == element && !start.closes_itself => begun = Some(start.at.end),
            Piece::End { at, name } if name == element => ranges.extend(begun.take().map(|start| start..at.start)),
            _ => {}
        }
    }
    ranges
}

/// The source as the converter gets it: every change is noted, so that places can be told in what was written.
struct Prepared<'s> {
    original: &'s str,
    text: String,
    /// Where text was put in, and how much.
    added: Vec<(usize, usize)>,
}

impl Prepared<'_> {
    fn place(&self, at: usize) -> Place {
        let before: usize = self.added.iter().filter(|(start, _)| *start < at).map(|(start, length)| (*length).min(at - start)).sum();
        Place::of(self.original, at - before)
    }
}

fn prepared<'s>(source: &'s str, found: &Scan, locale: Option<&Locale>) -> Prepared<'s> {
    let mut text = source.to_owned();
    let blank_out = |text: &mut String, attribute: &Attribute| {
        let end = attribute.value_at.as_ref().map_or(attribute.name_at.end, |value| value.end + usize::from(attribute.is_quoted));
        text.replace_range(attribute.name_at.start..end, &" ".repeat(end - attribute.name_at.start));
    };
    // Such styles would be left out; as all others, they are inlined afterwards.
    for start in found.starts().filter(|start| start.name == "mj-style") {
        if let Some(attribute) = start.attribute("inline") {
            blank_out(&mut text, attribute);
        }
    }
    let root = found.starts().find(|start| start.name == "mjml");
    let (Some(locale), Some(root)) = (locale, root) else {
        return Prepared { original: source, text, added: Vec::new() };
    };
    root.attributes
        .iter()
        .filter(|attribute| matches!(attribute.name.as_str(), "lang" | "dir"))
        .for_each(|attribute| blank_out(&mut text, attribute));
    let direction = if locale.is_right_to_left() { "rtl" } else { "ltr" };
    let mut insertions = vec![(root.name_at.end, format!(" lang=\"{}\" dir=\"{direction}\"", locale.html_tag()))];
    if locale.is_right_to_left() {
        match found.starts().find(|start| start.name == "mj-head") {
            Some(head) if !head.closes_itself => insertions.push((head.at.end, RIGHT.to_owned())),
            Some(_) => {}
            None => insertions.push((root.at.end, format!("<mj-head>{RIGHT}</mj-head>"))),
        }
    }
    let mut added = Vec::new();
    let mut shift = 0;
    for (at, insertion) in insertions {
        text.insert_str(at + shift, &insertion);
        added.push((at + shift, insertion.len()));
        shift += insertion.len();
    }
    Prepared { original: source, text, added }
}

const fn position(error: &Error) -> Option<usize> {
    let span = match error {
        Error::UnexpectedElement { position, .. }
        | Error::UnexpectedToken { position, .. }
        | Error::MissingAttribute { position, .. }
        | Error::InvalidAttribute { position, .. }
        | Error::InvalidFormat { position, .. }
        | Error::IncludeLoaderError { position, .. } => position,
        _ => return None,
    };
    let Span { start, .. } = span;
    Some(*start)
}

fn explain(error: &Error) -> String {
    match error {
        Error::UnexpectedElement { .. } => "this element can't stand here".to_owned(),
        Error::UnexpectedToken { .. } => "this can't stand here".to_owned(),
        Error::MissingAttribute { name, .. } => format!("the attribute {name} is missing"),
        Error::InvalidAttribute { .. } => "this attribute has no value that it could have".to_owned(),
        Error::InvalidFormat { .. } => "this can't be read".to_owned(),
        Error::EndOfStream { .. } => "an element is never closed".to_owned(),
        Error::NoRootNode => "there is no <mjml> element".to_owned(),
        other => format!("can't be read as MJML: {other}"),
    }
}
