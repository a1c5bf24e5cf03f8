//! Values where escaping alone is not enough: among styles, and in links.

use super::{
    mask::blank,
    place::Context,
    rules::is_link,
    scan::{Scan, scan},
};
use crate::render::{
    sandbox::STYLE_FILTER,
    tags::{comments, tags},
};

/// The source with every value among styles held to what a style may be.
pub fn guard(source: &str) -> String {
    let found = scan(&blank(source));
    let mut guarded = String::with_capacity(source.len());
    let mut done = 0;
    for tag in tags(source).iter().filter(|tag| !tag.is_statement && is_among_styles(&found, tag.at.start)) {
        let (Some(first), Some(last)) = (tag.tokens.first(), tag.tokens.last()) else { continue };
        guarded.push_str(&source[done..first.start]);
        guarded.push_str(&format!("({}) | {STYLE_FILTER}", &source[first.start..last.end]));
        done = last.end;
    }
    guarded.push_str(&source[done..]);
    guarded
}

fn is_among_styles(found: &Scan, at: usize) -> bool {
    match found.context(at) {
        Context::Raw(element) => element == "style",
        Context::Value(_, attribute) => attribute.name == "style",
        _ => false,
    }
}

/// Whether a link in it, or what its markup is, is known only once it is rendered: without a tag that stands within markup, or just after
/// the sign that begins it, what is around it may be read as something else.
pub fn changes_links(source: &str) -> bool {
    let found = scan(&blank(source));
    let changes = |at: usize, writes: bool| match found.context(at) {
        Context::Text => source[..at].trim_end().trim_end_matches(['/', '!', '?', '-']).ends_with('<'),
        Context::Value(_, attribute) => !writes || is_link(&attribute.name),
        Context::Name | Context::Tag | Context::Comment | Context::Raw(_) => true,
    };
    let tags = tags(source).into_iter().map(|tag| (tag.at.start, !tag.is_statement));
    tags.chain(comments(source).into_iter().map(|at| (at.start, false))).any(|(at, writes)| changes(at, writes))
}
