//! A template's tags, hidden while something that knows only HTML or MJML works on the rest, and put back afterwards.

use super::{
    place::Context,
    scan::{Scan, scan},
};
use crate::render::tags::{comments, tags};
use std::ops::Range;

/// A source with its tags made unreadable, byte for byte: what writes a value becomes letters, all else becomes spaces.
pub fn blank(source: &str) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for (at, writes) in hidden(source) {
        bytes[at].fill(if writes { b'x' } else { b' ' });
    }
    // Whole tags became ASCII, so that nothing is cut in two.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All tags and comments in order; whether each writes a value.
fn hidden(source: &str) -> Vec<(Range<usize>, bool)> {
    let mut found: Vec<_> = tags(source).into_iter().map(|tag| (tag.at, !tag.is_statement)).collect();
    found.extend(comments(source).into_iter().map(|at| (at, false)));
    found.sort_by_key(|(at, _)| at.start);
    found
}

/// What was hidden, to put it back.
#[derive(Debug)]
pub struct Masks {
    /// What each token begins with; it occurs nowhere in the source.
    prefix: String,
    hidden: Vec<Hidden>,
}

#[derive(Debug)]
struct Hidden {
    original: String,
    form: Form,
    /// Where it begins in the source, and in what it was hidden in.
    source_at: usize,
    masked_at: usize,
}

/// How a token looks while it stands for a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `<!--token-->`: allowed wherever elements are.
    Comment,
    /// `token`, as an attribute without a value.
    Attribute,
    /// `token`
    Word,
}

/// A tag that the work on the rest has lost, or doubled.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where it begins in the source.
    pub at: usize,
    pub tag: String,
}

/// Digits of a token's number; more tags than that has no source.
const DIGITS: usize = 5;

impl Masks {
    /// The source with tokens in place of its tags. Statements among the markup become comments.
    pub fn hide(source: &str) -> (String, Self) {
        let found = scan(&blank(source));
        let mut prefix = "zq".to_owned();
        while source.contains(&prefix) {
            prefix.push('q');
        }
        let mut masks = Self { prefix, hidden: Vec::new() };
        let mut masked = String::with_capacity(source.len());
        let mut done = 0;
        for (at, writes) in hidden(source) {
            masked.push_str(&source[done..at.start]);
            let form = form(&found, at.start, writes);
            let token = masks.token(masks.hidden.len());
            let masked_at = masked.len();
            masked.push_str(&match form {
                Form::Comment => format!("<!--{token}-->"),
                Form::Attribute => format!(" {token} "),
                Form::Word => token,
            });
            masks.hidden.push(Hidden { original: source[at.clone()].to_owned(), form, source_at: at.start, masked_at });
            done = at.end;
        }
        masked.push_str(&source[done..]);
        (masked, masks)
    }

    /// A token ends with a letter, so that what follows it is no part of it.
    fn token(&self, index: usize) -> String {
        format!("{}{index:0width$}z", self.prefix, width = DIGITS)
    }

    /// Puts all tags back.
    ///
    /// # Errors
    /// When a statement is gone or there twice: its `if` or `for` would not be what was written.
    pub fn show(&self, text: &str) -> Result<String, Lost> {
        let mut shown = String::with_capacity(text.len());
        let mut seen = vec![0_usize; self.hidden.len()];
        let mut rest = text;
        while let Some(found) = rest.find(&self.prefix) {
            let after = &rest[found + self.prefix.len()..];
            let index = after.get(..DIGITS).and_then(|digits| digits.parse::<usize>().ok());
            let Some((index, hidden)) = index.and_then(|index| Some((index, self.hidden.get(index)?))) else {
                shown.push_str(&rest[..found + self.prefix.len()]);
                rest = after;
                continue;
            };
            let (mut before, mut after) = (&rest[..found], after.get(DIGITS + 1..).unwrap_or_default());
            match hidden.form {
                Form::Comment => {
                    before = before.strip_suffix("<!--").unwrap_or(before);
                    after = after.strip_prefix("-->").unwrap_or(after);
                }
                Form::Attribute => after = after.strip_prefix("=\"\"").unwrap_or(after),
                Form::Word => {}
            }
            shown.push_str(before);
            shown.push_str(&hidden.original);
            seen[index] += 1;
            rest = after;
        }
        shown.push_str(rest);
        let lost = self.hidden.iter().zip(seen).find(|(hidden, times)| hidden.is_statement() && *times != 1);
        lost.map_or(Ok(shown), |(hidden, _)| Err(Lost { at: hidden.source_at, tag: hidden.original.clone() }))
    }

    /// The place in the source of a place in what it was hidden in.
    pub fn source_at(&self, masked_at: usize) -> usize {
        let after = self.hidden.partition_point(|hidden| hidden.masked_at <= masked_at);
        let Some(hidden) = after.checked_sub(1).map(|index| &self.hidden[index]) else {
            return masked_at;
        };
        let length = self.token(0).len();
        let token_length = match hidden.form {
            Form::Comment => length + 7,
            Form::Attribute => length + 2,
            Form::Word => length,
        };
        match masked_at.checked_sub(hidden.masked_at + token_length) {
            Some(beyond) => hidden.source_at + hidden.original.len() + beyond,
            None => hidden.source_at,
        }
    }
}

impl Hidden {
    fn is_statement(&self) -> bool {
        self.original.starts_with("{%")
    }
}

fn form(found: &Scan, at: usize, writes: bool) -> Form {
    match found.context(at) {
        Context::Text if !writes => Form::Comment,
        Context::Tag if !writes => Form::Attribute,
        _ => Form::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "<p {% if a %}class=\"b {{ c }}\"{% endif %}>\n{% for x in y %}<i>{{ x }}</i>{# n #}{% endfor %}</p>é";

    #[test]
    fn what_is_blank_has_the_same_places() {
        let blanked = blank(SOURCE);
        assert_eq!(blanked.len(), SOURCE.len());
        assert!(!blanked.contains(['{', '%']) && blanked.ends_with("</p>é"), "{blanked}");
        assert_eq!(blanked.find("</p>"), SOURCE.find("</p>"));
        assert!(blanked.contains("class=\"b xxxxxxx\""), "{blanked}");
    }

    #[test]
    fn what_is_hidden_comes_back() {
        let (masked, masks) = Masks::hide(SOURCE);
        assert!(!masked.contains(['{', '%']), "{masked}");
        let shown = masks.show(&masked.replace(" zq00000z ", " zq00000z=\"\" ")).unwrap();
        // Attributes keep the spaces that set them apart.
        assert_eq!(
            shown.replace(" {% if a %} class", " {% if a %}class").replace("\" {% endif %} >", "\"{% endif %}>").replace("<p  ", "<p "),
            SOURCE
        );
        for part in ["</p>", "<i>", "class"] {
            assert_eq!(masks.source_at(masked.find(part).unwrap()), SOURCE.find(part).unwrap(), "{part}");
        }
    }

    #[test]
    fn a_statement_that_is_lost_is_named() {
        let (masked, masks) = Masks::hide("a{% if b %}c{% endif %}{{ d }}");
        assert_eq!(masks.show(&masked.replace("<!--zq00001z-->", "")), Err(Lost { at: 12, tag: "{% endif %}".to_owned() }));
        assert!(masks.show(&masked.replace("zq00002z", "")).is_ok(), "a value may go with what it was in");
        assert!(masks.show(&(masked.clone() + &masked)).is_err());
    }

    #[test]
    fn a_source_may_hold_what_looks_like_a_token() {
        let source = "zq00000z zqq {{ a }} zqqq00000z";
        let (masked, masks) = Masks::hide(source);
        assert_eq!(masks.show(&masked).unwrap(), source);
    }
}
