//! The relaxed form of headers and body, which is what a signature covers (RFC 6376, 3.4.2 and 3.4.4).

use std::borrow::Cow;

/// One header field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// In lower case.
    pub name: String,
    /// `name:value` in the relaxed form, without the end of the line.
    pub line: String,
}

/// The letter with CRLF at the end of every line, the last one too: a bare CR or LF would be made one on its way, and break the signature.
pub(super) fn with_crlf(letter: &[u8]) -> Cow<'_, [u8]> {
    let bare = |(at, byte): (usize, &u8)| match byte {
        b'\n' => at == 0 || letter.get(at - 1) != Some(&b'\r'),
        b'\r' => letter.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    if letter.ends_with(b"\r\n") && !letter.iter().enumerate().any(bare) {
        return Cow::Borrowed(letter);
    }
    let mut out = Vec::with_capacity(letter.len() + 64);
    let mut after_cr = false;
    for byte in letter {
        match (byte, after_cr) {
            (b'\n', true) => {}
            (b'\r' | b'\n', _) => out.extend_from_slice(b"\r\n"),
            (byte, _) => out.push(*byte),
        }
        after_cr = *byte == b'\r';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    Cow::Owned(out)
}

/// The headers, each with the end of its line, and the body. None without an empty line between the two.
pub(super) fn split(letter: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = letter.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((letter.get(..end + 2)?, letter.get(end + 4..)?))
}

/// The fields in their order. What is no field is left out, as a verifier would.
pub(super) fn fields(headers: &[u8]) -> Vec<Field> {
    let text = String::from_utf8_lossy(headers);
    let mut fields = Vec::new();
    let mut whole = String::new();
    for line in text.split_terminator("\r\n") {
        if !line.starts_with([' ', '\t']) && !whole.is_empty() {
            fields.extend(field(&whole));
            whole.clear();
        }
        whole.push_str(line);
        whole.push_str("\r\n");
    }
    fields.extend(field(&whole));
    fields
}

/// One field as it stands in a letter, folded or not.
pub(super) fn field(whole: &str) -> Option<Field> {
    let (name, value) = whole.split_once(':')?;
    let name = name.trim_end_matches([' ', '\t']).to_ascii_lowercase();
    let value = value.split(['\r', '\n', ' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    Some(Field { line: format!("{name}:{value}"), name })
}

/// The body: blanks at the ends of lines and empty lines at the end are gone, and other blanks are one each.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    for line in lines(body) {
        let kept = blanks_reduced(line);
        if kept.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..empty_lines {
            out.extend_from_slice(b"\r\n");
        }
        empty_lines = 0;
        out.extend_from_slice(&kept);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Lines that end in CRLF; the last one may have no end.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
}

fn blanks_reduced(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut blank = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            blank = true;
            continue;
        }
        if blank {
            out.push(b' ');
            blank = false;
        }
        out.push(*byte);
    }
    out
}
