//! HTML, cut into tags as a browser cuts it (WHATWG, "Tokenization"), with the place of everything.
//!
//! Reads what [`super::mask`] leaves, so that a template's own tags are no part of the markup.

use std::ops::Range;

/// Elements whose content is text and no markup.
const RAW_TEXT: [&str; 8] = ["style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    pub pieces: Vec<Piece>,
    /// Something that starts here never ends.
    pub open: Vec<(usize, &'static str)>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Start(Start),
    End {
        at: Range<usize>,
        name: String,
    },
    Comment(Range<usize>),
    /// What stands within a raw text element.
    Raw {
        element: String,
        at: Range<usize>,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub struct Start {
    pub at: Range<usize>,
    /// In small letters.
    pub name: String,
    pub name_at: Range<usize>,
    pub attributes: Vec<Attribute>,
    pub closes_itself: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// In small letters.
    pub name: String,
    pub name_at: Range<usize>,
    /// Without its quotes.
    pub value_at: Option<Range<usize>>,
    pub is_quoted: bool,
}

pub fn scan(html: &str) -> Scan {
    let mut scanner = Scanner { html, at: 0, scan: Scan { pieces: Vec::new(), open: Vec::new() } };
    scanner.run();
    scanner.scan
}

struct Scanner<'h> {
    html: &'h str,
    at: usize,
    scan: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(found) = self.html[self.at..].find('<') {
            self.at += found;
            let after = self.html.as_bytes().get(self.at + 1).copied();
            let second = self.html.as_bytes().get(self.at + 2).copied();
            match (after, second) {
                (Some(b'!'), _) if self.html[self.at..].starts_with("<!--") => self.comment(),
                (Some(b'/'), Some(b)) if b.is_ascii_alphabetic() => self.end_tag(),
                (Some(b'/'), Some(b'>')) => self.at += 3,
                // A declaration, or a comment without its signs: up to the next bracket.
                (Some(b'!' | b'?' | b'/'), _) => self.declaration(),
                (Some(b), _) if b.is_ascii_alphabetic() => self.start_tag(),
                _ => self.at += 1,
            }
        }
    }

    fn rest(&self) -> &str {
        &self.html[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.html.len()
    }

    fn comment(&mut self) {
        let start = self.at;
        let body = &self.html[start + 4..];
        let length = if body.starts_with('>') {
            Some(1)
        } else if body.starts_with("->") {
            Some(2)
        } else {
            [body.find("-->").map(|end| end + 3), body.find("--!>").map(|end| end + 4)].into_iter().flatten().min()
        };
        if length.is_none() {
            self.scan.open.push((start, "a comment"));
        }
        self.at = length.map_or(self.html.len(), |length| start + 4 + length);
        self.scan.pieces.push(Piece::Comment(start..self.at));
    }

    fn declaration(&mut self) {
        let start = self.at;
        match self.rest().find('>') {
            Some(end) => self.at += end + 1,
            None => {
                self.scan.open.push((start, "a declaration"));
                self.at = self.html.len();
            }
        }
    }

    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        let length = self.rest().find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(self.rest().len());
        self.at += length;
        start..self.at
    }

    fn end_tag(&mut self) {
        let start = self.at;
        self.at += 2;
        let name = self.name();
        // Attributes of an end tag mean nothing, but are read, since a quote may hide its end.
        self.attributes(start);
        self.scan.pieces.push(Piece::End { at: start..self.at, name: self.html[name].to_ascii_lowercase() });
    }

    fn start_tag(&mut self) {
        let start = self.at;
        self.at += 1;
        let name_at = self.name();
        let (attributes, closes_itself) = self.attributes(start);
        let name = self.html[name_at.clone()].to_ascii_lowercase();
        let is_raw = RAW_TEXT.contains(&name.as_str());
        self.scan.pieces.push(Piece::Start(Start { at: start..self.at, name: name.clone(), name_at, attributes, closes_itself }));
        if is_raw {
            self.raw_text(name);
        }
    }

    /// The attributes up to the tag's end, and whether the tag closes itself.
    fn attributes(&mut self, tag: usize) -> (Vec<Attribute>, bool) {
        let mut found = Vec::new();
        let mut closes_itself = false;
        loop {
            self.skip_space();
            match self.html.as_bytes().get(self.at) {
                None => {
                    self.scan.open.push((tag, "a tag"));
                    return (found, closes_itself);
                }
                Some(b'>') => {
                    self.at += 1;
                    return (found, closes_itself);
                }
                Some(b'/') => {
                    self.at += 1;
                    closes_itself = self.rest().starts_with('>');
                }
                Some(_) => {
                    let attribute = self.attribute(tag);
                    found.push(attribute);
                }
            }
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().find(|c: char| !c.is_ascii_whitespace()).unwrap_or(self.rest().len());
    }

    fn attribute(&mut self, tag: usize) -> Attribute {
        let start = self.at;
        // A leading equals sign belongs to the name.
        let from = usize::from(self.rest().starts_with('='));
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
        self.at += self.rest()[from..].find(ends).map_or(self.rest().len(), |end| end + from);
        let name_at = start..self.at;
        let name = self.html[name_at.clone()].to_ascii_lowercase();
        let after_name = self.at;
        self.skip_space();
        if !self.rest().starts_with('=') {
            self.at = after_name;
            return Attribute { name, name_at, value_at: None, is_quoted: false };
        }
        self.at += 1;
        self.skip_space();
        let (value_at, is_quoted) = self.value(tag);
        Attribute { name, name_at, value_at: Some(value_at), is_quoted }
    }

    fn value(&mut self, tag: usize) -> (Range<usize>, bool) {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            let start = self.at;
            self.at += self.rest().find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(self.rest().len());
            return (start..self.at, false);
        };
        let start = self.at + 1;
        let length = self.html[start..].find(quote);
        if length.is_none() && !self.scan.open.iter().any(|(at, _)| *at == tag) {
            self.scan.open.push((self.at, "a quoted value"));
        }
        let end = length.map_or(self.html.len(), |length| start + length);
        self.at = (end + 1).min(self.html.len());
        (start..end, true)
    }

    /// Skips to the end tag of the element that has just begun.
    fn raw_text(&mut self, element: String) {
        let start = self.at;
        let mut from = start;
        let end = loop {
            let Some(found) = self.html[from..].find("</") else {
                self.scan.open.push((start, "the content of an element"));
                break self.html.len();
            };
            let at = from + found;
            let rest = &self.html.as_bytes()[at + 2..];
            let is_name = rest.get(..element.len()).is_some_and(|name| name.eq_ignore_ascii_case(element.as_bytes()));
            let is_whole = rest.get(element.len()).is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
            if is_name && is_whole {
                break at;
            }
            from = at + 2;
        };
        self.at = end;
        self.scan.pieces.push(Piece::Raw { element, at: start..end });
        if !self.is_at_end() {
            self.end_tag();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(html: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Start(start) => {
                let attribute = |attribute: &Attribute| {
                    let value = attribute.value_at.clone().map(|at| format!("={}", &html[at])).unwrap_or_default();
                    format!(" {}{value}{}", attribute.name, if attribute.is_quoted { "'" } else { "" })
                };
                let attributes: String = start.attributes.iter().map(attribute).collect();
                format!("<{}{attributes}{}>", start.name, if start.closes_itself { "/" } else { "" })
            }
            Piece::End { name, .. } => format!("</{name}>"),
            Piece::Comment(at) => format!("#{}", &html[at.clone()]),
            Piece::Raw { element, at } => format!("{element}:{}", &html[at.clone()]),
        };
        let found = scan(html);
        let open: String = found.open.iter().map(|(at, what)| format!(" !{at} {what}")).collect();
        found.pieces.iter().map(piece).collect::<Vec<_>>().join(" ") + &open
    }

    #[test]
    fn tags_are_cut_as_browsers_do() {
        for (html, expected) in [
            ("", ""),
            ("a < b <3 & c > d", ""),
            ("<p>x</p>", "<p> </p>"),
            ("<P CLASS=a ID='b c' title=\"d>e\" hidden>", "<p class=a id=b c' title=d>e' hidden>"),
            ("<br/><img src=a/>", "<br/> <img src=a/>"),
            ("<a href = x >", "<a href=x>"),
            ("<a =x>", "<a =x>"),
            ("<a/b/c>", "<a b c>"),
            ("<!doctype html><!-- <b> --><i>", "#<!-- <b> --> <i>"),
            ("<!--><b><!---><i><!--x--!><u>", "#<!--> <b> #<!---> <i> #<!--x--!> <u>"),
            ("<?php <b> ?></ x><b>", "<b>"),
            ("<style>a > b { } </styl></style ><b>", "<style> style:a > b { } </styl> </style> <b>"),
            ("<TITLE><b></Title>", "<title> title:<b> </title>"),
            ("<b", "<b> !0 a tag"),
            ("x<b title='y>", "<b title=y>'> !1 a tag".replace("!1 a tag", "!10 a quoted value !1 a tag").as_str()),
            ("x<!-- y", "#<!-- y !1 a comment"),
            ("<style>x", "<style> style:x !7 the content of an element"),
            ("</><b>", "<b>"),
            ("<é><b>", "<b>"),
            ("</p x='>'>y", "</p>"),
        ] {
            assert_eq!(shape(html), expected, "{html:?}");
        }
    }
}
