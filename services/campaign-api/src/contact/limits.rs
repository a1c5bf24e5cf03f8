//! What a contact's fields may hold, whether they come one at a time or in a file.

use domain::schedule;
use serde_json::Value;
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

pub const MAX_EXTERNAL_ID: usize = 200;
pub const MAX_NAME: usize = 300;
/// Longer than any address that can be used, so that a bad one can be kept as it was written.
pub const MAX_ADDRESS: usize = 500;
pub const MAX_FIELD: usize = 200;
/// As many as an import can bring.
pub const MAX_ATTRIBUTES: usize = super::import::MAX_COLUMNS;
pub const MAX_ATTRIBUTE_NAME: usize = 64;
pub const MAX_ATTRIBUTE: usize = 4_000;

/// Why a text can't be stored.
pub fn text(text: &str, max_characters: usize) -> Option<String> {
    if text.contains('\0') {
        return Some("has a NUL character in it".to_owned());
    }
    // A text has at least as many bytes as characters: most need no counting.
    if text.len() > max_characters && text.chars().count() > max_characters {
        return Some(format!("is longer than {max_characters} characters"));
    }
    None
}

/// Why a text can't name an attribute.
pub fn attribute_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("has no name".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Some("has a control character in its name".to_owned());
    }
    text(name, MAX_ATTRIBUTE_NAME)
}

/// Why a value can't be an attribute. What is no text counts by its length as JSON.
pub fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::String(value) => text(value, MAX_ATTRIBUTE),
        Value::Array(_) | Value::Object(_) if has_nul(value) => Some("has a NUL character in it".to_owned()),
        Value::Array(_) | Value::Object(_) => text(&value.to_string(), MAX_ATTRIBUTE),
        _ => None,
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(values) => values.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
const MINUTE: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]T[hour]:[minute]");
const SECOND: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// A time as people and programs write it (ISO 8601): with its offset, or in UTC, or a day alone, which is its first moment in UTC.
pub fn time(text: &str) -> Option<OffsetDateTime> {
    let text = text.replacen(' ', "T", 1);
    let local = || PrimitiveDateTime::parse(&text, SECOND).or_else(|_| PrimitiveDateTime::parse(&text, MINUTE));
    let time = match (OffsetDateTime::parse(&text, &Rfc3339), Date::parse(&text, DAY)) {
        (Ok(time), _) => time.checked_to_offset(UtcOffset::UTC)?,
        (_, Ok(day)) => day.with_time(Time::MIDNIGHT).assume_utc(),
        _ => local().ok()?.assume_utc(),
    };
    (1900..=9999).contains(&time.year()).then_some(time)
}

/// A day or a time in the one form in which they compare as texts: `2026-11-22` or `2026-11-22T10:00:00Z`.
pub fn date(text: &str) -> Option<String> {
    let time = time(text)?;
    if Date::parse(text, DAY).is_ok() { Some(text.to_owned()) } else { time.format(&Rfc3339).ok() }
}

pub const TIMES: &str = "must be a day or a time, such as 2026-11-22 or 2026-11-22T10:00:00+04:00";

/// A role's name as it is stored; None when there is no such role. Empty stays empty: the default.
pub fn role(role: &str) -> Option<&'static str> {
    ["", "customer", "partner"].into_iter().find(|known| known.eq_ignore_ascii_case(role))
}

pub const ROLES: &str = "must be customer or partner";

/// Whether this is the name of a zone in the IANA database, or nothing.
pub fn is_timezone(name: &str) -> bool {
    name.is_empty() || schedule::instant("2000-01-01T00:00", name).is_ok()
}

pub const TIMEZONES: &str = "must be an IANA time zone, such as Asia/Dubai";

/// Whether this has the form of a language tag (BCP 47), or is nothing: a language of 2 or 3 letters, then subtags of up to 8.
pub fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    tag.is_empty() || (is_language && parts.all(is_subtag))
}

pub const LOCALES: &str = "must be a language tag, such as en or ar-AE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_length_and_no_nul() {
        assert_eq!(text("سارة", 4), None);
        assert!(text("سارة!", 4).is_some_and(|reason| reason.contains("longer than 4")));
        assert!(text("a\0", 4).is_some_and(|reason| reason.contains("NUL")));
        assert_eq!(attribute_name("First order"), None);
        for bad in ["", "a\nb", &"x".repeat(65)] {
            assert!(attribute_name(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (written, expected) in [
            ("2026-11-22T10:00:00Z", Some("2026-11-22T10:00:00Z")),
            ("2026-11-22T10:00:00.250+04:00", Some("2026-11-22T06:00:00.25Z")),
            ("2026-11-22 10:00:00", Some("2026-11-22T10:00:00Z")),
            ("2026-11-22 10:00", Some("2026-11-22T10:00:00Z")),
            ("2026-11-22", Some("2026-11-22")),
            ("2026-02-30", None),
            ("0001-01-01", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("22.11.2026", None),
            ("", None),
        ] {
            assert_eq!(date(written).as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn attributes_fit_into_the_database() {
        let ok = |json: &str| attribute(&serde_json::from_str(json).unwrap()).is_none();
        for json in ["1", "true", "null", "\"x\"", "[1, {\"a\": \"b\"}]"] {
            assert!(ok(json), "{json}");
        }
        for json in ["\"\\u0000\"", "[\"\\u0000\"]", "{\"a\\u0000\": 1}", &format!("[\"{}\"]", "x".repeat(MAX_ATTRIBUTE))] {
            assert!(!ok(json), "{json}");
        }
    }

    #[test]
    fn roles_zones_and_locales_are_known() {
        assert_eq!(role("Partner"), Some("partner"));
        assert_eq!(role(""), Some(""));
        assert_eq!(role("boss"), None);
        assert!(is_timezone("Asia/Dubai") && is_timezone("") && !is_timezone("Dubai"));
        for good in ["", "en", "ar-AE", "zh-Hant-TW", "fil"] {
            assert!(is_locale(good), "{good:?}");
        }
        for bad in ["e", "english", "en_US", "en-", "12", "en-toolongsubtag"] {
            assert!(!is_locale(bad), "{bad:?}");
        }
    }
}
