//! Failures told in plain words, by mail systems that write no delivery status: qmail's, and what Exim marks with a header.
//!
//! Only what such a system surely wrote counts: a person may quote anything.

use super::{fields::Fields, of_reply};
use mail_parser::{Message, PartType};

/// How qmail begins (the QSBMF convention), and how it ends what it says.
const QMAIL: &str = "Hi. This is the qmail-send program";
/// What comes before the letter that is given back, at qmail, Exim and Sendmail.
const GIVEN_BACK: [&str; 4] = [
    "--- Below this line is a copy of the message.",
    "------ This is a copy of the message, including all the headers. ------",
    "------ This is a copy of the message's headers. ------",
    "----- Original message follows -----",
];

/// The code of the failure that a letter tells of; None when it is no such letter.
pub(super) fn code(parsed: &Message<'_>) -> Option<String> {
    let text = text(parsed)?;
    let exim = parsed.headers_raw().any(|(name, _)| name.eq_ignore_ascii_case("X-Failed-Recipients"));
    if !exim && !text.trim_start().starts_with(QMAIL) {
        return None;
    }
    let said = GIVEN_BACK.iter().filter_map(|mark| text.find(mark)).min().map_or(text, |end| text.get(..end).unwrap_or(text));
    let words: Vec<&str> = said.split_ascii_whitespace().map(|word| word.trim_matches(['(', ')', '#', ':', ',', '"'])).collect();
    let with_status = words.iter().find_map(|word| super::enhanced(word)).map(str::to_owned);
    let basic = || {
        let place = words.iter().position(|word| matches!(word.as_bytes(), [b'5', b'0'..=b'5', b'0'..=b'9']))?;
        let rest = words.get(place + 1).copied().unwrap_or_default();
        Some(of_reply(words.get(place)?.parse().ok()?, rest))
    };
    Some(with_status.or_else(basic).unwrap_or_else(|| "bounce".to_owned()))
}

/// The headers of the letter that follows the notice in the same text.
pub(super) fn given_back(parsed: &Message<'_>) -> Option<Fields> {
    let text = text(parsed)?;
    let (end, mark) = GIVEN_BACK.iter().filter_map(|mark| Some((text.find(mark)?, *mark))).min()?;
    let rest = text.get(end + mark.len()..)?.trim_start();
    Some(Fields::of_headers(rest.as_bytes())).filter(|fields| !fields.is_empty())
}

fn text<'m>(parsed: &'m Message<'_>) -> Option<&'m str> {
    parsed.parts.iter().find_map(|part| match &part.body {
        PartType::Text(text) => Some(&**text),
        _ => None,
    })
}
