//! What is done to a text before it is parsed: policies for values that are missing, and marks on values by where they stand.
//!
//! A policy becomes a `default` at each use of its variable, which leaves `if` and a `default` of the author's own as they are. Nothing
//! here adds a line, so that places in errors stay right.

use super::tags::{Kind, Tag, Token, tags};
use crate::content::{MissingPolicy, TemplateContent};

/// What stands in the place of a variable without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stand {
    /// Nothing: the message isn't made.
    Skip,
    Text(String),
}

/// Links are never left out: a message without its way to unsubscribe must not leave.
const NEVER_MISSING: [&str; 6] = ["unsubscribe_url", "preferences_url", "confirm_link", "fragments", "fragments_html", "loop"];
const WORDS: [&str; 18] = [
    "if", "elif", "else", "endif", "for", "endfor", "in", "and", "or", "not", "is", "true", "false", "none", "True", "False", "None",
    "range",
];

/// Fragments that are taken as HTML (`{{ fragments.x | safe }}`) become `fragments_html.x`, whose values are escaped already.
pub fn html_fragments(source: &str) -> String {
    let mut edits = Vec::new();
    for tag in tags(source) {
        for at in 0..tag.tokens.len() {
            if let Some(end) = safe_fragment(&tag.tokens, at) {
                let name = &source[tag.tokens[at + 2].start..tag.tokens[at + 2].end];
                edits.push((tag.tokens[at].start..tag.tokens[end].end, format!("fragments_html.{name}")));
            }
        }
    }
    apply(source, edits)
}

/// The index of `safe` where `fragments.x | safe` begins at that token.
pub fn safe_fragment(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let kind = |index: usize| tokens.get(index).map(|token| token.kind);
    let is_first = at.checked_sub(1).and_then(kind) != Some(Kind::Sign('.'));
    let is_fragment = kind(at) == Some(Kind::Name("fragments")) && kind(at + 1) == Some(Kind::Sign('.'));
    let is_safe = kind(at + 3) == Some(Kind::Sign('|')) && kind(at + 4) == Some(Kind::Name("safe"));
    (is_first && is_fragment && is_safe && matches!(kind(at + 2), Some(Kind::Name(_)))).then_some(at + 4)
}

/// Puts the policies of the content for missing values into a text.
pub fn missing(source: &str, content: &TemplateContent) -> String {
    if content.variables.is_empty() && content.missing == MissingPolicy::Skip {
        return source.to_owned();
    }
    let mut edits = Vec::new();
    for tag in tags(source) {
        for path in paths(source, &tag) {
            if let Some(written) = path.with_policy(&tag, content) {
                edits.push((path.start..path.end, written));
            }
        }
    }
    apply(source, edits)
}

/// Where a tag's variables begin: what stands before the `in` of a loop are names that it gives.
fn first_use(tag: &Tag<'_>) -> usize {
    match tag.tokens.first().map(|token| token.kind) {
        Some(Kind::Name("for")) if tag.is_statement => tag.tokens.iter().position(|token| token.kind == Kind::Name("in")).unwrap_or(0),
        _ => 0,
    }
}

fn apply(source: &str, edits: Vec<(std::ops::Range<usize>, String)>) -> String {
    let mut edited = String::with_capacity(source.len() + 32 * edits.len());
    let mut done = 0;
    for (at, text) in edits {
        edited.push_str(&source[done..at.start]);
        edited.push_str(&text);
        done = at.end;
    }
    edited.push_str(&source[done..]);
    edited
}

/// A variable as it is used: `city`, `attributes.plan`, `attributes['plan'].name`.
struct Path {
    start: usize,
    end: usize,
    /// `attributes.plan`
    name: String,
    /// Where each part ends in the source.
    ends: Vec<usize>,
    first: usize,
    /// The token after it.
    after: usize,
}

impl Path {
    fn read(source: &str, tokens: &[Token<'_>], at: usize) -> Option<Self> {
        let kind = |index: usize| tokens.get(index).map(|token| token.kind);
        let Some(Kind::Name(first)) = kind(at) else { return None };
        let before = at.checked_sub(1).and_then(kind);
        let is_other = WORDS.contains(&first) || matches!(before, Some(Kind::Sign('.' | '|') | Kind::Name("is")));
        let is_test = before == Some(Kind::Name("not")) && at.checked_sub(2).and_then(kind) == Some(Kind::Name("is"));
        // The name of an argument.
        let is_named = matches!((kind(at + 1), kind(at + 2)), (Some(Kind::Sign('=')), next) if next != Some(Kind::Sign('=')));
        if is_other || is_test || is_named || kind(at + 1) == Some(Kind::Sign('(')) {
            return None;
        }
        let mut path = Self {
            start: tokens[at].start,
            end: tokens[at].end,
            name: first.to_owned(),
            ends: vec![tokens[at].end],
            first: at,
            after: at + 1,
        };
        loop {
            match (kind(path.after), kind(path.after + 1), kind(path.after + 2)) {
                (Some(Kind::Sign('.')), Some(Kind::Name(name)), _) => path.part(name, tokens[path.after + 1].end, 2),
                (Some(Kind::Sign('[')), Some(Kind::Literal), Some(Kind::Sign(']'))) => {
                    let literal = &source[tokens[path.after + 1].start..tokens[path.after + 1].end];
                    path.part(literal.trim_matches(['"', '\'']), tokens[path.after + 2].end, 3);
                }
                _ => return Some(path),
            }
        }
    }

    fn part(&mut self, name: &str, end: usize, tokens: usize) {
        self.name.push('.');
        self.name.push_str(name);
        self.end = end;
        self.ends.push(end);
        self.after += tokens;
    }

    /// How it is written with what stands in its place; None when it stays as it is.
    fn with_policy(&self, tag: &Tag<'_>, content: &TemplateContent) -> Option<String> {
        let kind = |index: usize| tag.tokens.get(index).map(|token| token.kind);
        let next = (kind(self.after), kind(self.after + 1));
        if matches!(next, (Some(Kind::Sign('|')), Some(Kind::Name("default" | "d"))) | (Some(Kind::Name("is")), _)) {
            return None;
        }
        let is_asked = self.first.checked_sub(1).and_then(kind).is_some_and(|before| matches!(before, Kind::Name("if" | "not")));
        let Stand::Text(text) = stand(&self.name, content) else { return None };
        if is_asked && next.0 != Some(Kind::Sign('|')) {
            return None;
        }
        let keyword = tag.tokens.first().map(|token| token.kind);
        let runs_over = tag.is_statement && keyword == Some(Kind::Name("for"));
        if tag.is_statement && !runs_over && next.0 != Some(Kind::Sign('|')) {
            // A condition asks whether there is a value, or compares it; nothing is as good as a default for that.
            return None;
        }
        let stand = if runs_over { "[]".to_owned() } else { literal(&text) };
        Some(self.written(&stand))
    }

    fn written(&self, stand: &str) -> String {
        // Every step but the last may be missing too; a missing one has nothing in it.
        let inner = self.ends.len().saturating_sub(2);
        let mut written = format!("({}", "(".repeat(inner));
        let base = if self.ends.len() > 1 { 2 } else { 1 };
        let parts: Vec<&str> = self.name.split('.').collect();
        written.push_str(&joined(&parts[..base.min(parts.len())]));
        for part in parts.iter().skip(base) {
            written.push_str(" | default({}))");
            written.push_str(&member(part));
        }
        written.push_str(&format!(" | default({stand}))"));
        written
    }
}

fn joined(parts: &[&str]) -> String {
    let mut written = parts.first().copied().unwrap_or_default().to_owned();
    parts.iter().skip(1).for_each(|part| written.push_str(&member(part)));
    written
}

fn member(name: &str) -> String {
    match name.parse::<u64>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!("[{}]", literal(name)),
    }
}

/// A text as the template language writes it.
fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

fn stand(name: &str, content: &TemplateContent) -> Stand {
    let first = name.split('.').next().unwrap_or_default();
    if NEVER_MISSING.contains(&first) {
        return Stand::Skip;
    }
    // A rule for `attributes.plan` is one for what is in it as well.
    let mut path = name;
    let rule = loop {
        match (content.variables.get(path), path.rsplit_once('.')) {
            (Some(rule), _) => break Some(rule),
            (None, Some((outer, _))) => path = outer,
            (None, None) => break None,
        }
    };
    let default = || rule.map(|rule| rule.default_text.clone()).filter(|text| !text.is_empty());
    let policy = rule.and_then(|rule| rule.missing).or_else(|| default().map(|_| MissingPolicy::Default)).unwrap_or(content.missing);
    match policy {
        MissingPolicy::Skip => Stand::Skip,
        MissingPolicy::Empty => Stand::Text(String::new()),
        MissingPolicy::Default => default().map_or(Stand::Skip, Stand::Text),
    }
}

/// Whether the content says what stands in a variable's place.
pub fn has_policy(name: &str, content: &TemplateContent) -> bool {
    stand(name, content) != Stand::Skip
}

/// The variables of a tag, in order.
fn paths(source: &str, tag: &Tag<'_>) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut at = first_use(tag);
    while at < tag.tokens.len() {
        match Path::read(source, &tag.tokens, at) {
            Some(path) => {
                at = path.after;
                paths.push(path);
            }
            None => at += 1,
        }
    }
    paths
}

/// The variables that are written without a `default` of their own, with where each is used first.
pub fn bare(source: &str) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    // What the conditions ask for that are open.
    let mut asked: Vec<Vec<String>> = Vec::new();
    for tag in &tags(source) {
        if tag.is_statement {
            match tag.tokens.first().map(|token| token.kind) {
                Some(Kind::Name("if")) => asked.push(paths(source, tag).into_iter().map(|path| path.name).collect()),
                Some(Kind::Name("elif")) => {
                    if let Some(last) = asked.last_mut() {
                        last.extend(paths(source, tag).into_iter().map(|path| path.name));
                    }
                }
                Some(Kind::Name("endif")) => drop(asked.pop()),
                _ => {}
            }
            continue;
        }
        for path in paths(source, tag) {
            let next = (tag.tokens.get(path.after).map(|token| token.kind), tag.tokens.get(path.after + 1).map(|token| token.kind));
            let has_default =
                matches!(next, (Some(Kind::Sign('|')), Some(Kind::Name("default" | "d"))) | (Some(Kind::Name("is" | "if")), _));
            let is_asked = path.first.checked_sub(1).is_some_and(|before| matches!(tag.tokens[before].kind, Kind::Name("if" | "not")))
                || asked.iter().flatten().any(|name| *name == path.name);
            if !has_default && !is_asked && !found.iter().any(|(name, _)| *name == path.name) {
                found.push((path.name, path.start));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
