//! What many messages of one template have in common, with tags where they differ, so that one call can carry them all.
//!
//! SendGrid puts each recipient's own words in the place of the tags (its "substitution tags"). The texts are cut at tags and line ends;
//! messages with as many pieces have the same shape, and a piece that isn't the same in all becomes a tag between what all of it begins
//! and ends with. Which pieces are variables is never asked: whatever differs is put back word for word.

use super::wire::Letter;
use ring::digest::{SHA256, digest};
use std::collections::HashMap;

/// SendGrid's limit on the substitutions of one personalisation, tags included, in bytes.
const MOST_BYTES: usize = 10_000;
/// How often a tag is made anew before it is given up: a content would have to hold the hash of another one.
const TRIES: u8 = 16;

/// A content for several messages.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub text: String,
    pub html: String,
    pub tags: Vec<String>,
    /// By message, then by tag.
    pub values: Vec<Vec<&'a str>>,
}

/// Messages with the same shape may share a call: as many pieces of each text, and the same files.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Shape {
    text: usize,
    html: usize,
    /// Name, content id, and where in memory the bytes are: those of one stored file are kept once.
    files: Vec<(String, Option<String>, usize)>,
}

impl Shape {
    pub(super) fn of(letter: &Letter<'_>) -> Self {
        let files = letter.message.attachments.iter();
        Self {
            text: pieces(letter.text).count(),
            html: pieces(letter.html).count(),
            files: files.map(|file| (file.name.clone(), file.content_id.clone(), file.bytes.as_ptr().addr())).collect(),
        }
    }
}

impl<'a> Frame<'a> {
    /// The frame of messages of one shape; None when there is no tag to be had.
    pub(super) fn of(letters: &[&'a Letter<'a>]) -> Option<Self> {
        let mut frame = Builder { prefix: prefix(letters)?, values: vec![Vec::new(); letters.len()], known: HashMap::new() };
        let text = frame.part(&letters.iter().map(|letter| letter.text).collect::<Vec<_>>());
        let html = frame.part(&letters.iter().map(|letter| letter.html).collect::<Vec<_>>());
        let tags = (0..frame.known.len()).map(|number| frame.tag(number)).collect();
        Some(Self { text, html, tags, values: frame.values })
    }

    /// Which messages have more to put in than SendGrid takes.
    pub(super) fn too_large(&self) -> Vec<usize> {
        let tags: usize = self.tags.iter().map(String::len).sum();
        let size = |values: &Vec<&str>| tags + values.iter().map(|value| value.len()).sum::<usize>();
        self.values.iter().enumerate().filter(|(_, values)| size(values) > MOST_BYTES).map(|(index, _)| index).collect()
    }
}

struct Builder<'a> {
    prefix: String,
    values: Vec<Vec<&'a str>>,
    /// A variable that stands in several places has one tag.
    known: HashMap<Vec<&'a str>, usize>,
}

impl<'a> Builder<'a> {
    fn tag(&self, number: usize) -> String {
        // The end keeps tag 1 from being found in tag 10.
        format!("{}{number}-", self.prefix)
    }

    fn part(&mut self, texts: &[&'a str]) -> String {
        let mut out = String::new();
        let mut all: Vec<_> = texts.iter().map(|text| pieces(text)).collect();
        loop {
            // All have as many: that is their shape.
            let Some(row) = all.iter_mut().map(Iterator::next).collect::<Option<Vec<&'a str>>>() else { return out };
            let Some(first) = row.first().copied() else { return out };
            if row.iter().all(|piece| *piece == first) {
                out.push_str(first);
                continue;
            }
            let begin = row.iter().fold(first, |begin, piece| common_begin(begin, piece)).len();
            let rests: Vec<&'a str> = row.iter().map(|piece| piece.get(begin..).unwrap_or_default()).collect();
            let end = rests.iter().skip(1).fold(rests.first().copied().unwrap_or_default(), |end, rest| common_end(end, rest)).len();
            let own: Vec<&'a str> = rests.iter().map(|rest| rest.get(..rest.len() - end).unwrap_or_default()).collect();
            out.push_str(first.get(..begin).unwrap_or_default());
            out.push_str(&self.put(own));
            out.push_str(rests.first().and_then(|rest| rest.get(rest.len() - end..)).unwrap_or_default());
        }
    }

    fn put(&mut self, own: Vec<&'a str>) -> String {
        if let Some(number) = self.known.get(&own) {
            return self.tag(*number);
        }
        for (values, value) in self.values.iter_mut().zip(&own) {
            values.push(*value);
        }
        let number = self.known.len();
        self.known.insert(own, number);
        self.tag(number)
    }
}

/// A text cut before each `<` and after each `>` and line end.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['>', '\n'])
        .flat_map(|piece| match piece.find('<') {
            Some(at) if at > 0 => [piece.get(..at), piece.get(at..)],
            _ => [Some(piece), None],
        })
        .flatten()
}

fn common_begin<'a>(one: &'a str, other: &str) -> &'a str {
    let end = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    one.get(..end.unwrap_or_else(|| one.len().min(other.len()))).unwrap_or_default()
}

fn common_end<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    one.get(one.len() - same..).unwrap_or_default()
}

/// The beginning of tags that stands in none of the messages. By their content, so that the same batch has the same ones.
fn prefix(letters: &[&Letter<'_>]) -> Option<String> {
    let first = letters.first()?;
    (0..TRIES).find_map(|n| {
        let hash = digest(&SHA256, &[first.html.as_bytes(), first.text.as_bytes(), &[n]].concat());
        let name: String = hash.as_ref().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        let prefix = format!("-{name}-");
        let holds = |letter: &&Letter<'_>| [letter.text, letter.html, &letter.subject].iter().any(|text| text.contains(&prefix));
        (!letters.iter().any(holds)).then_some(prefix)
    })
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
