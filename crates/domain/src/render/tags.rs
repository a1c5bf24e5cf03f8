//! The `{{ … }}` and `{% … %}` of a source, as tokens with their lines: what [`super::sandbox`] reviews.
//!
//! Only as much of a lexer as that needs. Whether the whole can be parsed is for minijinja to say.

use std::ops::Range;

/// One tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag<'s> {
    /// `{% … %}`, else `{{ … }}`.
    pub is_statement: bool,
    pub line: usize,
    /// The bytes that it takes in the source, its braces included.
    pub at: Range<usize>,
    pub tokens: Vec<Token<'s>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'s> {
    pub line: usize,
    /// Its first byte in the source.
    pub start: usize,
    pub end: usize,
    pub kind: Kind<'s>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'s> {
    Name(&'s str),
    /// A string or a number.
    Literal,
    Sign(char),
}

/// All tags, in order; comments are skipped.
pub fn tags(source: &str) -> Vec<Tag<'_>> {
    read(source).0
}

/// The bytes that comments take.
pub fn comments(source: &str) -> Vec<Range<usize>> {
    read(source).1
}

fn read(source: &str) -> (Vec<Tag<'_>>, Vec<Range<usize>>) {
    let mut cursor = Cursor { source, rest: source, line: 1 };
    let (mut found, mut comments) = (Vec::new(), Vec::new());
    while let Some(at) = cursor.rest.find('{') {
        cursor.skip(at);
        if cursor.rest.starts_with("{#") {
            // As minijinja does: the sign that begins a comment is no part of its end.
            let end = cursor.rest[2..].find("#}").map_or(cursor.rest.len(), |end| end + 4);
            let start = cursor.at();
            cursor.skip(end);
            comments.push(start..start + end);
        } else if cursor.rest.starts_with("{{") {
            found.push(cursor.tag(false, "}}"));
        } else if cursor.rest.starts_with("{%") {
            found.push(cursor.tag(true, "%}"));
        } else {
            cursor.skip(1);
        }
    }
    (found, comments)
}

struct Cursor<'s> {
    source: &'s str,
    rest: &'s str,
    line: usize,
}

impl<'s> Cursor<'s> {
    fn skip(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }

    /// How many bytes have been read.
    const fn at(&self) -> usize {
        self.source.len() - self.rest.len()
    }

    fn tag(&mut self, is_statement: bool, end: &str) -> Tag<'s> {
        let start = self.at();
        let mut tag = Tag { is_statement, line: self.line, at: start..start, tokens: Vec::new() };
        self.skip(2);
        self.skip(usize::from(self.rest.starts_with(['-', '+'])));
        while let Some(c) = self.rest.chars().next() {
            // White space may be cut with a sign before the end.
            let closing = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
            if closing.starts_with(end) {
                self.skip(self.rest.len() - closing.len() + end.len());
                break;
            }
            let (line, start) = (self.line, self.at());
            let (bytes, kind) = self.token(c);
            self.skip(bytes);
            tag.tokens.extend(kind.map(|kind| Token { line, start, end: start + bytes, kind }));
        }
        tag.at.end = self.at();
        tag
    }

    /// Length and kind of the token that starts here; no kind for white space.
    fn token(&self, first: char) -> (usize, Option<Kind<'s>>) {
        let run = |belongs: fn(char) -> bool| self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        if first.is_whitespace() {
            (run(char::is_whitespace), None)
        } else if matches!(first, '"' | '\'') {
            (self.string(first), Some(Kind::Literal))
        } else if first.is_ascii_digit() {
            (run(|c| c.is_ascii_alphanumeric() || c == '_'), Some(Kind::Literal))
        } else if first.is_alphabetic() || first == '_' {
            let length = run(|c| c.is_alphanumeric() || c == '_');
            (length, Some(Kind::Name(&self.rest[..length])))
        } else {
            (first.len_utf8(), Some(Kind::Sign(first)))
        }
    }

    /// Length of a string with its quotes; a backslash escapes what follows.
    fn string(&self, quote: char) -> usize {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                return at + 1;
            }
        }
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(source: &str) -> String {
        let tag = |tag: &Tag<'_>| {
            let tokens: Vec<_> = tag
                .tokens
                .iter()
                .map(|token| match token.kind {
                    Kind::Name(name) => name.to_owned(),
                    Kind::Literal => "#".to_owned(),
                    Kind::Sign(sign) => sign.to_string(),
                })
                .collect();
            format!("{}{}:{}", if tag.is_statement { "%" } else { "" }, tag.line, tokens.join(" "))
        };
        tags(source).iter().map(tag).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn tags_are_found_where_they_are() {
        for (source, expected) in [
            ("", ""),
            ("no { tags } here }}", ""),
            ("Hi {{ name }}!", "1:name"),
            (
                "a\n\n{{name|default('x')}}\n{%- if city == \"Du}}bai\" -%}",
                "3:name | default ( # ); %4:if city == #".replace("==", "= =").as_str(),
            ),
            ("{# {{ not }}\n #}{{ yes }}", "2:yes"),
            ("{#} {{ not }} #}{{ yes }}{##}{{ too }}", "1:yes; 1:too"),
            ("{{ 'it\\'s }}' }}{{ b }}", "1:#; 1:b"),
            ("{{ a\n.b }}", "1:a . b"),
            ("{{ 12.5 }}", "1:# . #"),
            ("{{ open", "1:open"),
            ("{{ 'open", "1:#"),
            ("{# open {{ a }}", ""),
            ("{{{ a }}}", "1:{ a"),
            ("{%+ for x in y +%}{% endfor %}", "%1:for x in y; %1:endfor"),
            ("{{ سعر }}", "1:سعر"),
        ] {
            assert_eq!(shape(source), expected, "{source:?}");
        }
    }
}
