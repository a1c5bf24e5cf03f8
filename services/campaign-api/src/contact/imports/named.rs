//! What imports are stored with, by the names that the database has.

use proto::contact::{FileEncoding, FileFormat, MatchBy, OnMatch};
use store::contact::import;

const FORMATS: [(FileFormat, &str); 2] = [(FileFormat::Csv, "csv"), (FileFormat::Ndjson, "ndjson")];

const ENCODINGS: [(FileEncoding, &str); 4] = [
    (FileEncoding::Utf8, "utf-8"),
    (FileEncoding::Utf16Le, "utf-16le"),
    (FileEncoding::Utf16Be, "utf-16be"),
    (FileEncoding::Windows1252, "windows-1252"),
];

const MATCHES: [(MatchBy, import::MatchBy); 3] = [
    (MatchBy::ExternalId, import::MatchBy::ExternalId),
    (MatchBy::Email, import::MatchBy::Email),
    (MatchBy::Phone, import::MatchBy::Phone),
];

const ON_MATCHES: [(OnMatch, import::OnMatch); 3] = [
    (OnMatch::Overwrite, import::OnMatch::Overwrite),
    (OnMatch::FillEmpty, import::OnMatch::FillEmpty),
    (OnMatch::Skip, import::OnMatch::Skip),
];

/// Empty when it isn't known.
pub fn format(format: FileFormat) -> &'static str {
    FORMATS.iter().find(|(known, _)| *known == format).map(|(_, name)| *name).unwrap_or_default()
}

/// Empty when it isn't known.
pub fn encoding(encoding: FileEncoding) -> &'static str {
    ENCODINGS.iter().find(|(known, _)| *known == encoding).map(|(_, name)| *name).unwrap_or_default()
}

pub fn format_of(name: &str) -> FileFormat {
    FORMATS.iter().find(|(_, known)| *known == name).map(|(format, _)| *format).unwrap_or_default()
}

pub fn encoding_of(name: &str) -> FileEncoding {
    ENCODINGS.iter().find(|(_, known)| *known == name).map(|(encoding, _)| *encoding).unwrap_or_default()
}

pub fn match_by_of(name: &str) -> MatchBy {
    MATCHES.iter().find(|(_, known)| known.name() == name).map(|(wire, _)| *wire).unwrap_or_default()
}

pub fn on_match_of(name: &str) -> OnMatch {
    ON_MATCHES.iter().find(|(_, known)| known.name() == name).map(|(wire, _)| *wire).unwrap_or_default()
}
