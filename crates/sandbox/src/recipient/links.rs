//! Finding in an e-mail what its recipient may fetch: the pixel, the links that go through the hub, and the
//! one-click address. A small scanner of tags, not an HTML parser: it is only ever given what the hub wrote.

use std::borrow::Cow;

use url::Url;

use crate::behaviour::{Fate, Step, StepSet};
use crate::message::Links;

/// Longest URL that is kept.
const MAX_URL_BYTES: usize = 4_096;

/// `list_unsubscribe` is the header, given only if one click is allowed.
pub fn find(html: Option<&str>, list_unsubscribe: Option<&str>, fate: &Fate) -> Links {
    let html = html.unwrap_or_default();
    let clicks: Vec<String> = attributes(html, "a", "href").filter(|url| goes_through(url, "c")).collect();
    Links {
        open: attributes(html, "img", "src").find(|url| goes_through(url, "o")),
        click: fate.pick("link", &clicks).cloned(),
        unsubscribe: list_unsubscribe.and_then(one_click),
    }
}

/// What the recipient can do with these links.
pub fn steps(links: &Links) -> StepSet {
    [(&links.open, Step::Read), (&links.click, Step::Click), (&links.unsubscribe, Step::Stop)]
        .into_iter()
        .filter(|(link, _)| link.is_some())
        .fold(StepSet::default(), |steps, (_, step)| steps.with(step))
}

/// The first http(s) address of a `List-Unsubscribe` header.
fn one_click(header: &str) -> Option<String> {
    let addresses = header.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(address, _)| address.trim());
    let address: String = addresses.into_iter().find(|address| crate::config::is_http_url(address))?.to_owned();
    (address.len() <= MAX_URL_BYTES).then_some(address)
}

/// Whether a URL's path ends in `/{segment}/{token}`.
fn goes_through(url: &str, segment: &str) -> bool {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let path = parsed.as_ref().map(Url::path).unwrap_or_default();
    let mut from_end = path.rsplit('/');
    let token = from_end.next().unwrap_or_default();
    !token.is_empty() && from_end.next() == Some(segment) && url.len() <= MAX_URL_BYTES
}

/// The values of an attribute in all tags of a name, in order.
fn attributes<'h>(html: &'h str, tag: &'static str, name: &'static str) -> impl Iterator<Item = String> + 'h {
    tags(html, tag).filter_map(move |inside| attribute(inside, name)).map(|value| unescape(value).trim().to_owned())
}

/// What stands between a tag's name and its `>`.
fn tags<'h>(html: &'h str, tag: &'static str) -> impl Iterator<Item = &'h str> + 'h {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            rest = rest.get(rest.find('<')? + 1..)?;
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.get(comment.find("-->")?..)?;
                continue;
            }
            let Some(inside) = rest.get(tag.len()..).filter(|_| starts_with_word(rest, tag)) else { continue };
            let end = end_of_tag(inside);
            rest = inside.get(end..)?;
            return inside.get(..end);
        }
    })
}

fn starts_with_word(text: &str, word: &str) -> bool {
    let same = text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    same && text[word.len()..].starts_with(|c: char| c.is_ascii_whitespace() || c == '/')
}

/// Where the tag's `>` is, which a quoted value may contain.
fn end_of_tag(inside: &str) -> usize {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    inside.len()
}

fn attribute<'t>(inside: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = inside;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (found, after) = rest.split_at(end);
        if found.is_empty() && after.is_empty() {
            return None;
        }
        let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = after;
            continue;
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote)?,
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// Resolves the character references that occur in attribute values: the five of XML, and numeric ones.
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let reference = &rest[at + 1..];
        match reference.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = reference;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::Behaviour;
    use crate::message::Channel;

    fn links(html: &str, header: Option<&str>) -> Links {
        let behaviour = Behaviour::default();
        find(Some(html), header, &behaviour.fate(7, Channel::Email, "a@example.com"))
    }

    #[test]
    fn finds_the_pixel_and_a_rewritten_link() {
        let html = r#"<!-- <a href="http://h/c/comment"> --><A class=x data-href="http://h/c/no"
            HREF='http:&#x2f;&#x2f;h/c/tok-1?a=1&amp;b=2'>x</a><abbr href="http://h/c/abbr">
            <a title="a > b" href=http://shop.example/p/1>y</a><img alt="" src="http://h/o/tok-2">"#;
        let found = links(html, None);
        assert_eq!(found.click.as_deref(), Some("http://h/c/tok-1?a=1&b=2"));
        assert_eq!(found.open.as_deref(), Some("http://h/o/tok-2"));
        assert_eq!(steps(&found), StepSet::of(&[Step::Read, Step::Click]));
    }

    #[test]
    fn takes_the_web_address_of_the_header() {
        let found = links("", Some("<mailto:u@example.com>, <https://h/u/tok>"));
        assert_eq!(found.unsubscribe.as_deref(), Some("https://h/u/tok"));
        assert_eq!(links("", Some("<mailto:u@example.com>")).unsubscribe, None);
    }

    #[test]
    fn broken_html_ends_the_search_and_nothing_else() {
        for html in ["<", "<a", "<a ", "<a href", "<a href=", "<a href='", "<img src=\"x", "<!-- <a href='http://h/c/x'>", "<a\u{e9}>"] {
            assert_eq!(links(html, None), Links::default(), "{html}");
        }
    }
}
