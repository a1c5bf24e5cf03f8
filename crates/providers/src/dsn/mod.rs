//! Reads letters that come back: delivery status notifications (RFC 3464), and the notices of those who write none.
//!
//! A letter is untrusted, whoever sent it. What a report is about is known by the address it came to, which carries a token of ours;
//! else by the headers of the letter that it gives back. Answers that people's mailboxes write by themselves are no reports.
//! Not here: taking letters in. Start at [`read`].

mod fields;
mod notice;

use crate::smtp::errors::{by_reply, enhanced};
use crate::{FaultAction, errors};
use fields::{Fields, groups};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use time::OffsetDateTime;

/// The longest letter that is looked at.
pub const MAX_BYTES: usize = 256 * 1024;
/// Recipients of one report that are looked at. Our letters have one each.
const MAX_RECIPIENTS: usize = 100;
const CODE_MAX_CHARS: usize = 64;
const TOKEN_MAX_CHARS: usize = 256;

/// What a report says of one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub verdict: Verdict,
    /// The enhanced status if there is one, else the basic code, else `bounce`: what [`crate::Send::report_action`] of SMTP reads.
    pub code: String,
    /// What it means for the address, of a failure.
    pub action: Option<FaultAction>,
    /// Our own header in the letter that it gives back, if it does.
    pub correlation: Option<String>,
    /// That letter's Message-ID, without brackets.
    pub original_id: Option<String>,
    /// The report's own Message-ID, without brackets.
    pub own_id: Option<String>,
    /// When the report was written, as it says itself.
    pub written_at: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It will not be delivered.
    Failed,
    /// It is still being tried: nothing follows.
    Delayed,
    /// It arrived, or was passed on to where no reports are made.
    Delivered,
}

/// What a letter reports; None when it is no report at all.
#[must_use]
pub fn read(letter: &[u8]) -> Option<Report> {
    let letter = letter.get(..letter.len().min(MAX_BYTES))?;
    let parsed = MessageParser::default().parse(letter)?;
    let status = parsed.parts.iter().find(|part| is(part, "message", &["delivery-status", "global-delivery-status"]));
    let (verdict, code) = match status {
        Some(part) => of_status(part.contents())?,
        None if is_written_by_a_person_or_their_mailbox(&parsed) => return None,
        None => (Verdict::Failed, notice::code(&parsed)?),
    };
    let original = original(&parsed);
    let text = |name: &str| original.as_ref().and_then(|fields| fields.get(name)).map(|value| value.trim_matches(['<', '>']).to_owned());
    let short =
        |value: String| (!value.is_empty() && value.len() <= TOKEN_MAX_CHARS && !value.contains(char::is_whitespace)).then_some(value);
    Some(Report {
        action: (verdict == Verdict::Failed).then(|| action(&code)),
        code,
        verdict,
        correlation: text("x-fanfare-delivery").and_then(short),
        original_id: text("message-id").and_then(short),
        own_id: parsed.message_id().map(str::to_owned).and_then(short),
        written_at: parsed.date().and_then(|date| OffsetDateTime::from_unix_timestamp(date.to_timestamp()).ok()),
    })
}

/// What follows from the code of a failure that was reported.
fn action(code: &str) -> FaultAction {
    crate::smtp::errors::report_action(code).unwrap_or(errors::PERMANENT)
}

fn is(part: &mail_parser::MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    let own = part.content_type();
    own.is_some_and(|own| {
        own.ctype().eq_ignore_ascii_case(kind) && own.subtype().is_some_and(|sub| subtypes.iter().any(|one| sub.eq_ignore_ascii_case(one)))
    })
}

/// The worst that a delivery status says of any recipient, and its code. The first group is about the whole (RFC 3464, 2.1).
fn of_status(status: &[u8]) -> Option<(Verdict, String)> {
    let groups = groups(status, MAX_RECIPIENTS + 1);
    // Some leave out the empty line after the first group.
    let about = |fields: &&Fields| fields.get("action").is_some();
    let each = groups.iter().filter(about).filter_map(|fields| Some((verdict(fields.get("action")?)?, fields)));
    let worst = each.min_by_key(|(verdict, _)| match verdict {
        Verdict::Failed => 0,
        Verdict::Delayed => 1,
        Verdict::Delivered => 2,
    });
    let (verdict, fields) = worst?;
    Some((verdict, code(fields)))
}

fn verdict(action: &str) -> Option<Verdict> {
    let word = action.split(|c: char| c.is_whitespace() || matches!(c, ';' | '(')).next()?;
    match word.to_ascii_lowercase().as_str() {
        "failed" => Some(Verdict::Failed),
        "delayed" => Some(Verdict::Delayed),
        "delivered" | "relayed" | "expanded" => Some(Verdict::Delivered),
        _ => None,
    }
}

/// The status, or what the receiving server itself said where that says more.
fn code(fields: &Fields) -> String {
    let status = fields.get("status").and_then(|status| enhanced(status.trim()).map(str::to_owned));
    // `smtp; 550 5.1.1 …`, of several lines `smtp;550-5.1.1 …`.
    let said = fields.get("diagnostic-code").map(|said| said.split_once(';').map_or(said, |(_, rest)| rest).trim());
    let heard = said.and_then(said_code);
    let vague = |code: &str| code.ends_with(".0.0") || !code.contains('.');
    let code = match (status, heard) {
        (Some(status), Some(heard)) if vague(&status) && (!vague(&heard) || status.starts_with('4')) => heard,
        (Some(status), _) => status,
        (None, Some(heard)) => heard,
        (None, None) => "bounce".to_owned(),
    };
    code.chars().take(CODE_MAX_CHARS).collect()
}

/// The enhanced status in a server's reply, else its basic code.
fn said_code(said: &str) -> Option<String> {
    let (basic, rest) = said.split_at_checked(3)?;
    let basic = Some(basic).filter(|code| matches!(code.as_bytes(), [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']));
    match basic {
        Some(basic) => {
            let rest = rest.trim_start_matches(['-', ' ', '#', '\t']);
            Some(enhanced(rest).unwrap_or(basic).trim_end_matches([':', ',']).to_owned())
        }
        None => said.split_ascii_whitespace().find_map(|word| enhanced(word.trim_matches(['(', ')', '#', ':', ',']))).map(str::to_owned),
    }
}

/// The headers of the letter that is given back, whole or not.
fn original(parsed: &Message<'_>) -> Option<Fields> {
    let given_back = parsed
        .parts
        .iter()
        .skip(1)
        .find(|part| is(part, "text", &["rfc822-headers"]) || is(part, "message", &["rfc822", "global", "global-headers"]));
    let headers = match given_back.map(|part| &part.body) {
        Some(PartType::Message(letter)) => Some(Fields::of_headers(letter.raw_message())),
        Some(PartType::Text(text)) => Some(Fields::of_headers(text.as_bytes())),
        Some(PartType::Binary(bytes) | PartType::InlineBinary(bytes)) => Some(Fields::of_headers(bytes)),
        _ => None,
    };
    headers.filter(|fields| !fields.is_empty()).or_else(|| notice::given_back(parsed))
}

/// Vacation notices and the like go to the envelope's sender too (RFC 3834), and mean that the letter did arrive.
fn is_written_by_a_person_or_their_mailbox(parsed: &Message<'_>) -> bool {
    let header = |name: &str| {
        let raw = parsed.headers_raw().find(|(found, _)| found.eq_ignore_ascii_case(name));
        raw.map(|(_, value)| value.trim().to_ascii_lowercase()).unwrap_or_default()
    };
    header("auto-submitted").starts_with("auto-replied")
        || !header("x-autoreply").is_empty()
        || matches!(header("precedence").as_str(), "auto_reply" | "auto-reply")
        || header("content-type").contains("disposition-notification")
}

/// What a server's reply in a letter's text means, as a code.
fn of_reply(basic: u16, rest: &str) -> String {
    by_reply(basic, rest).code
}

#[cfg(test)]
mod tests;
