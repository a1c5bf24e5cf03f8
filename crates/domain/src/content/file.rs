//! Files that go along with an e-mail.

use serde::{Deserialize, Serialize};

/// Files of one e-mail at most.
pub const MAX_FILES: usize = 20;
/// Bytes of all files of one e-mail together: mailboxes take 20 to 25 MB with the encoding, which adds a third.
pub const MAX_FILES_BYTES: u64 = 10 << 20;
const CONTENT_ID_CHARS: usize = 64;

/// A stored file, and how an e-mail uses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailFile {
    /// Of the stored file.
    pub id: String,
    /// What `cid:` in the HTML calls a picture; empty for a file beside the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_id: String,
}

impl EmailFile {
    /// Whether its content id is one, or empty: letters, digits, `.`, `-`, `_` and `@` (as RFC 2392 wants it, without what needs quoting).
    #[must_use]
    pub fn has_good_content_id(&self) -> bool {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@');
        self.content_id.len() <= CONTENT_ID_CHARS && self.content_id.bytes().all(fits)
    }
}

/// The content ids that an HTML text refers to by `cid:`, each once.
#[must_use]
pub fn content_ids(html: &str) -> Vec<&str> {
    let ends = |c: char| matches!(c, '"' | '\'' | ')' | '>' | '<') || c.is_whitespace();
    let after_quote = |at: usize| html.get(..at).is_some_and(|before| before.ends_with(['"', '\'', '(', '=']));
    let mut found: Vec<&str> = html
        .match_indices("cid:")
        .filter(|(at, _)| after_quote(*at))
        .filter_map(|(at, mark)| html.get(at + mark.len()..)?.split(ends).next())
        .filter(|id| !id.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What a file's first bytes say that it is; None for what e-mails don't carry here. `name` decides between files that begin alike.
///
/// Executables, archives of anything and documents with macros are left out: mailboxes refuse them.
#[must_use]
pub fn media_type_of(bytes: &[u8], name: &str) -> Option<&'static str> {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if starts(b"\xff\xd8\xff") {
        return Some("image/jpeg");
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Some("image/gif");
    }
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    if starts(b"%PDF-") {
        return Some("application/pdf");
    }
    if starts(b"PK\x03\x04") {
        return of_zip(bytes, &end);
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    match end.as_str() {
        "ics" if text.trim_start_matches('\u{feff}').starts_with("BEGIN:VCALENDAR") => Some("text/calendar"),
        "vcf" if text.trim_start_matches('\u{feff}').starts_with("BEGIN:VCARD") => Some("text/vcard"),
        "csv" => Some("text/csv"),
        "txt" => Some("text/plain"),
        _ => None,
    }
}

/// Office documents are archives; what is in them is named in the clear.
fn of_zip(bytes: &[u8], end: &str) -> Option<&'static str> {
    let names = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    if names(b"vbaProject.bin") {
        return None;
    }
    match end {
        "docx" if names(b"word/") => Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        "xlsx" if names(b"xl/") => Some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        "pptx" if names(b"ppt/") => Some("application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        for (bytes, name, kind) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], "logo.txt", Some("image/png")),
            (b"\xff\xd8\xff\xe0", "photo", Some("image/jpeg")),
            (b"GIF89a", "x.gif", Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", "x.webp", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVE", "x.wav", None),
            (b"%PDF-1.7", "offer.pdf", Some("application/pdf")),
            (b"BEGIN:VCALENDAR\r\n", "date.ics", Some("text/calendar")),
            (b"a;b\n", "list.csv", Some("text/csv")),
            (b"PK\x03\x04..word/document.xml", "a.docx", Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document")),
            (b"PK\x03\x04..word/vbaProject.bin", "a.docx", None),
            (b"PK\x03\x04..virus.exe", "a.docx", None),
            (b"PK\x03\x04", "a.zip", None),
            (b"MZ\x90\0", "a.pdf", None),
            (b"<html>", "a.html", None),
            (b"#!/bin/sh", "a.sh", None),
            (b"a\0b", "a.txt", None),
            (b"", "a.pdf", None),
        ] {
            assert_eq!(media_type_of(bytes, name), kind, "{name}");
        }
    }

    #[test]
    fn references_are_found_where_they_are_addresses() {
        let html = r#"<img src="cid:logo"><img src='cid:b@shop'><td style="background:url(cid:logo)"> acid:test cid:words <img src=cid:c>"#;
        assert_eq!(content_ids(html), ["b@shop", "c", "logo"]);
        assert!(content_ids("no pictures, cid:").is_empty());
    }

    #[test]
    fn content_ids_need_no_quoting() {
        let is_good = |id: &str| EmailFile { content_id: id.to_owned(), ..EmailFile::default() }.has_good_content_id();
        assert!(["", "logo", "logo-1@shop.example"].into_iter().all(is_good));
        assert!(!["a b", "a\r\nX: y", "<a>", "ä", &"x".repeat(65)].into_iter().any(is_good));
    }
}
