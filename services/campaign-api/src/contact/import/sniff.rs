//! What kind of file it is, by how it begins: CSV with which delimiter, or a JSON object a line.

use super::{header::Header, target::Mapping};
use csv::{ByteRecord, ReaderBuilder};
use proto::contact::FileFormat;
use runtime::status;
use std::io::{self, Read};
use tonic::Status;

/// How much of a file is looked at; a header at most.
const OPENING_BYTES: usize = 64 * 1024;

/// What may separate columns, the likeliest first.
pub const DELIMITERS: [u8; 4] = *b",;\t|";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Csv { delimiter: u8 },
    Ndjson,
}

/// Reads how a file begins; less than the limit only if that is all of it.
///
/// # Errors
/// When the source fails.
pub fn opening(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(OPENING_BYTES);
    source.by_ref().take(OPENING_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the file is, and how many bytes of its beginning are no part of its rows. What the caller says goes first.
///
/// # Errors
/// INVALID_ARGUMENT when it is nothing that can be imported.
pub fn shape(opening: &[u8], format: FileFormat, delimiter: Option<u8>, mapping: &Mapping) -> Result<(Shape, usize), Status> {
    let text = opening.trim_ascii_start();
    refuse_other_kinds(opening, text, format)?;
    let is_json = match format {
        FileFormat::Csv => false,
        FileFormat::Ndjson => true,
        FileFormat::Unspecified => text.starts_with(b"{"),
    };
    if is_json {
        return Ok((Shape::Ndjson, 0));
    }
    // As spreadsheets write it for each other.
    let (said, skipped) = separator_line(opening);
    let delimiter = delimiter.or(said).unwrap_or_else(|| likeliest(&opening[skipped..], mapping));
    Ok((Shape::Csv { delimiter }, skipped))
}

fn refuse_other_kinds(opening: &[u8], text: &[u8], format: FileFormat) -> Result<(), Status> {
    let wrong = |description: &str| Err(status::invalid("data", description));
    if opening.starts_with(b"PK\x03\x04") || opening.starts_with(b"\xd0\xcf\x11\xe0") {
        return wrong("the file is a spreadsheet or an archive: export it as CSV");
    }
    if opening.starts_with(b"\x1f\x8b") {
        return wrong("the file is compressed: unpack it first");
    }
    match text.first() {
        Some(b'[') if format != FileFormat::Csv => wrong("the file is a JSON array: give one object a line, without brackets around them"),
        Some(b'<') if format == FileFormat::Unspecified => wrong("the file is HTML or XML: export it as CSV"),
        _ => Ok(()),
    }
}

/// A first line such as `sep=;`: what it says, and its length.
fn separator_line(opening: &[u8]) -> (Option<u8>, usize) {
    let line = opening.iter().position(|byte| *byte == b'\n').map_or(opening, |end| &opening[..=end]);
    match line.trim_ascii_end().strip_prefix(b"sep=") {
        // A tab is trimmed off with the line's end.
        Some([]) if line.contains(&b'\t') => (Some(b'\t'), line.len()),
        Some([delimiter]) if DELIMITERS.contains(delimiter) => (Some(*delimiter), line.len()),
        _ => (None, 0),
    }
}

/// The delimiter by which the header has the most columns that we know, then the most columns.
fn likeliest(opening: &[u8], mapping: &Mapping) -> u8 {
    let mut best = (0, 1, DELIMITERS[0]);
    for delimiter in DELIMITERS {
        let mut record = ByteRecord::new();
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(opening);
        // Reading from memory can't fail.
        if reader.read_byte_record(&mut record).is_err() {
            continue;
        }
        let (known, columns) = (Header::known_columns(&record, mapping), record.len());
        if (known, columns) > (best.0, best.1) {
            best = (known, columns, delimiter);
        }
    }
    best.2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str) -> Result<(Shape, usize), String> {
        shape(file.as_bytes(), FileFormat::Unspecified, None, &Mapping::default()).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn a_file_says_what_it_is() {
        let csv = |delimiter| Ok((Shape::Csv { delimiter }, 0));
        for (file, expected) in [
            ("email,name\n", csv(b',')),
            ("email;name\na;b,c,d\n", csv(b';')),
            ("email\tname\n", csv(b'\t')),
            ("email|name\n", csv(b'|')),
            ("email\n", csv(b',')),
            ("\"Name, given; or other\";email\n", csv(b';')),
            ("Last, first, middle;email;phone\n", csv(b';')),
            ("", csv(b',')),
            ("\n {\"email\": \"a@example.com\"}\n", Ok((Shape::Ndjson, 0))),
            ("sep=;\r\nemail;name\n", Ok((Shape::Csv { delimiter: b';' }, 7))),
            ("sep=\t\nemail\tname\n", Ok((Shape::Csv { delimiter: b'\t' }, 6))),
        ] {
            assert_eq!(of(file), expected, "{file:?}");
        }
    }

    #[test]
    fn what_cannot_be_imported_is_named() {
        for (file, part) in [("PK\x03\x04x", "spreadsheet"), ("[{\"email\": 1}]", "one object a line"), ("<html>", "HTML")] {
            assert!(of(file).unwrap_err().contains(part), "{file:?}");
        }
        assert!(shape(b"\x1f\x8b\x08", FileFormat::Unspecified, None, &Mapping::default()).is_err());
    }

    #[test]
    fn what_the_caller_says_goes_first() {
        let said = |format, delimiter| shape(b"email;name\n", format, delimiter, &Mapping::default()).unwrap().0;
        assert_eq!(said(FileFormat::Csv, Some(b',')), Shape::Csv { delimiter: b',' });
        assert_eq!(said(FileFormat::Ndjson, None), Shape::Ndjson);
    }
}
