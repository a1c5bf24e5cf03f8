//! The language of a message and the way it is written, marked in its HTML.

use super::{
    end_of_content,
    mask::blank,
    scan::{Start, scan},
    start_of_content,
};
use crate::content::Locale;

/// Says the language in `<html>`, if there is one. What is written from right to left is also put into an element that says so, since many
/// mail programs drop `<html>` and `<body>`.
pub fn mark(source: &str, locale: &Locale) -> String {
    let source = if locale.is_right_to_left() { wrapped(source, locale) } else { source.to_owned() };
    let found = scan(&blank(&source));
    let Some(html) = found.starts().find(|start| start.name == "html") else {
        return source;
    };
    let direction = if locale.is_right_to_left() { "rtl" } else { "ltr" };
    let source = with_attribute(&source, html, "lang", &locale.html_tag());
    // The first change moves what comes after it.
    let found = scan(&blank(&source));
    match found.starts().find(|start| start.name == "html") {
        Some(html) => with_attribute(&source, html, "dir", direction),
        None => source,
    }
}

fn wrapped(source: &str, locale: &Locale) -> String {
    let (start, end) = (start_of_content(source), end_of_content(source));
    let (start, end) = (start.min(end), end.max(start));
    format!("{}<div dir=\"rtl\" lang=\"{}\">{}</div>{}", &source[..start], locale.html_tag(), &source[start..end], &source[end..])
}

/// A start tag that says this and nothing else by that name.
fn with_attribute(source: &str, start: &Start, name: &str, value: &str) -> String {
    let written = format!(" {name}=\"{value}\"");
    match start.attribute(name) {
        None => format!("{}{written}{}", &source[..start.name_at.end], &source[start.name_at.end..]),
        Some(attribute) => {
            let quote = usize::from(attribute.is_quoted);
            let end = attribute.value_at.as_ref().map_or(attribute.name_at.end, |value| value.end + quote);
            format!("{}{}{}", &source[..attribute.name_at.start], written.trim_start(), &source[end..])
        }
    }
}
