//! An e-mail's HTML, put together once from what its author wrote: MJML converted, the layout around it, the preheader in it, its language
//! marked, its styles inlined.

pub mod css;
mod language;
pub mod mask;
pub mod mjml;
pub mod place;
pub mod rules;
pub mod scan;
pub mod structure;
mod values;

use super::{
    Field,
    problem::{ContentProblem, Place},
};
use crate::content::{EmailVariant, Locale};
use mask::blank;
use scan::{Piece, scan};

pub use values::{changes_links, guard};

/// What a layout has in place of the body.
const BODY: &str = "%BODY%";
/// The words of old layout files, and what they stand for.
const WORDS: [(&str, &str); 3] =
    [("%SUBJECT%", "{{ subject }}"), ("%RECIPIENT_NAME%", "{{ name }}"), ("%UNSUBSCRIBE_LINK%", "{{ unsubscribe_url }}")];
/// Keeps mailboxes from showing the body after the preheader; nothing of it is visible.
const PADDING: &str = "&#847;&zwnj;&nbsp;";
const PADDINGS: usize = 40;

/// The HTML of an e-mail as a template.
#[derive(Debug, Clone)]
pub struct Assembled {
    pub source: String,
    /// Lines of the source are those of what was written.
    pub is_as_written: bool,
    /// Why its styles were not inlined; None when they were.
    pub left: Option<css::Left>,
}

/// Puts an e-mail's HTML together.
///
/// # Errors
/// When the MJML can't be converted, the layout has no place for the body, or the result is too long.
pub fn assemble(email: &EmailVariant, locale: &str) -> Result<Assembled, Vec<ContentProblem>> {
    let locale = Locale::parse(locale);
    let written = if email.mjml.trim().is_empty() { words(&email.html) } else { mjml::convert(&words(&email.mjml), locale.as_ref())? };
    let mut source = if email.layout.is_empty() { written } else { lay_out(&words(&email.layout_html), &written)? };
    if let Some(locale) = &locale {
        source = language::mark(&source, locale);
    }
    if !email.preheader.trim().is_empty() {
        source = with_preheader(&source);
    }
    let (source, left) = match css::inline(&source, super::MAX_EMAIL_BYTES) {
        Ok(inlined) => (inlined, None),
        Err(left) => (source, Some(left)),
    };
    if source.len() > super::MAX_EMAIL_BYTES {
        let message = format!("becomes longer than the {} bytes allowed", super::MAX_EMAIL_BYTES);
        return Err(vec![ContentProblem::error(body_field(email), message, "make it shorter, or split it in two e-mails")]);
    }
    Ok(Assembled { is_as_written: source == email.html, source, left })
}

/// The field that an e-mail's body is written in.
pub fn body_field(email: &EmailVariant) -> Field {
    if email.mjml.trim().is_empty() { Field::EmailHtml } else { Field::EmailMjml }
}

/// The words of old layouts as variables.
pub fn words(source: &str) -> String {
    if !source.contains('%') {
        return source.to_owned();
    }
    WORDS.iter().fold(source.to_owned(), |text, (word, variable)| text.replace(word, variable))
}

/// The places in a layout where the body goes.
pub fn body_places(layout: &str) -> Vec<std::ops::Range<usize>> {
    use super::tags::{Kind, tags};
    let mut places: Vec<_> = layout.match_indices(BODY).map(|(at, word)| at..at + word.len()).collect();
    for tag in tags(layout) {
        let kinds: Vec<_> = tag.tokens.iter().map(|token| token.kind).collect();
        if !tag.is_statement && matches!(kinds[..], [Kind::Name("body")] | [Kind::Name("body"), Kind::Sign('|'), Kind::Name("safe")]) {
            places.push(tag.at.clone());
        }
    }
    places
}

fn lay_out(layout: &str, body: &str) -> Result<String, Vec<ContentProblem>> {
    match &body_places(layout)[..] {
        [place] => Ok(format!("{}{body}{}", &layout[..place.start], &layout[place.end..])),
        [] => Err(vec![ContentProblem::error(Field::EmailLayout, "has no place for the body", format!("write {BODY} where it goes"))]),
        [_, second, ..] => {
            let problem = ContentProblem::error(Field::EmailLayout, "has several places for the body", format!("keep one {BODY}"));
            Err(vec![problem.at(Place::of(layout, second.start))])
        }
    }
}

/// Where an element begins, within: after its start tag.
fn start_of(source: &str, element: &str) -> Option<usize> {
    scan(&blank(source)).starts().find(|start| start.name == element).map(|start| start.at.end)
}

/// Where the content of the message begins.
fn start_of_content(source: &str) -> usize {
    if let Some(at) = start_of(source, "body") {
        return at;
    }
    let found = scan(&blank(source));
    let head = found.pieces.iter().rev().find(|piece| matches!(piece, Piece::End { name, .. } if name == "head"));
    head.map(|piece| piece.at().end).or_else(|| start_of(source, "html")).unwrap_or_default()
}

/// Where the content of the message ends.
fn end_of_content(source: &str) -> usize {
    let found = scan(&blank(source));
    let end = |element: &str| found.pieces.iter().rev().find(|piece| matches!(piece, Piece::End { name, .. } if name == element));
    end("body").or_else(|| end("html")).map_or(source.len(), |piece| piece.at().start)
}

fn with_preheader(source: &str) -> String {
    let at = start_of_content(source);
    let hidden = "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all";
    let padding = PADDING.repeat(PADDINGS);
    format!("{}<div style=\"{hidden}\">{{{{ preheader }}}}{padding}</div>{}", &source[..at], &source[at..])
}

#[cfg(test)]
mod tests;
