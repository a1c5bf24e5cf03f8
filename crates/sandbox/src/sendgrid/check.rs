//! Reading a mail/send request, and refusing it in SendGrid's words.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::sendgrid::wire::{Personalization, Request};
use crate::sendgrid::{Refusal, files};

const MAX_PERSONALIZATIONS: usize = 1_000;
const MAX_RECIPIENTS: usize = 1_000;
const MAX_CATEGORIES: usize = 10;
const MAX_CATEGORY_CHARS: usize = 255;
const MAX_CUSTOM_ARGS_BYTES: usize = 10_000;
const MAX_SUBSTITUTIONS_BYTES: usize = 10_000;
const MAX_SEND_AT_SECONDS: i64 = 72 * 3_600;

/// Content times recipients, since the log holds every message whole. SendGrid's own limit is 30 MB a request.
const MAX_LOGGED_BYTES: usize = 64 * 1024 * 1024;

/// Headers that a request may not set.
const RESERVED_HEADERS: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// A request with nothing wrong with it.
pub struct Mail {
    pub envelopes: Vec<Envelope>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub template_id: Option<String>,
    pub categories: Vec<String>,
    pub sandbox_mode: bool,
    /// Each as `name (type, size)`; a picture that the HTML shows with its `cid:`.
    pub files: Vec<String>,
}

/// One recipient's copy.
pub struct Envelope {
    pub to: String,
    pub from: String,
    /// Where in the request the recipient stands, such as `personalizations.0.to.0`.
    pub place: String,
    pub subject: Option<String>,
    pub custom_args: Map<String, Value>,
    pub dynamic_data: Option<Value>,
    headers: Map<String, Value>,
    substitutions: Map<String, Value>,
}

impl Envelope {
    /// The sender's own token.
    pub fn correlation(&self) -> String {
        correlation(&self.custom_args)
    }

    /// The header, if it comes with leave to unsubscribe by one click.
    pub fn list_unsubscribe(&self) -> Option<&str> {
        let header = |name: &str| self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = |name: &str| header(name).and_then(|(_, value)| value.as_str());
        value("List-Unsubscribe").filter(|_| value("List-Unsubscribe-Post") == Some("List-Unsubscribe=One-Click"))
    }

    pub fn substitute(&self, text: &str) -> String {
        let pairs = self.substitutions.iter().filter_map(|(tag, value)| Some((tag, value.as_str()?)));
        pairs.filter(|(tag, _)| !tag.is_empty()).fold(text.to_owned(), |text, (tag, value)| text.replace(tag, value))
    }
}

/// `now` is in seconds since 1970.
pub fn mail(body: &[u8], now: i64) -> Result<Mail, Refusal> {
    let request: Request = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request("null", &format!("Bad Request: the body cannot be read: {error}")))?;
    check_settings(&request, now)?;
    let envelopes = envelopes(&request)?;
    let templated = request.template_id.as_ref().is_some_and(|id| !id.is_empty());
    if !templated && envelopes.iter().any(|envelope| envelope.subject.is_none()) {
        let message = "The subject is required. You can get around this requirement if you use a template with a \
            subject defined or if every personalization has a subject defined.";
        return Err(Refusal::bad_request("subject", message));
    }
    let (text, html) = content(&request, templated)?;
    let bytes = text.as_ref().map_or(0, String::len) + html.as_ref().map_or(0, String::len);
    if bytes.saturating_mul(envelopes.len()) > MAX_LOGGED_BYTES {
        return Err(Refusal::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, None, "content too large"));
    }
    let sandbox_mode = request.mail_settings.pointer("/sandbox_mode/enable") == Some(&Value::Bool(true));
    let files = files::check(&request.attachments)?;
    let (template_id, categories) = (request.template_id, request.categories);
    Ok(Mail { envelopes, text, html, template_id, categories, sandbox_mode, files })
}

/// Recipients and tokens of a request that was refused, as far as they can be made out.
pub fn addressees(body: &[u8]) -> Vec<(String, String)> {
    let Ok(request) = serde_json::from_slice::<Request>(body) else { return Vec::new() };
    let mut found = Vec::new();
    for personalization in request.personalizations.iter().take(MAX_PERSONALIZATIONS) {
        let args = merged(&request.custom_args, &personalization.custom_args);
        let emails = personalization.to.iter().filter_map(|address| address.email.as_deref());
        found.extend(emails.map(|email| (email.to_lowercase(), correlation(&args))));
    }
    found
}

fn check_settings(request: &Request, now: i64) -> Result<(), Refusal> {
    let fault = |field: &str, message: &str| Err(Refusal::bad_request(field, message));
    let from = request.from.as_ref().and_then(|from| from.email.as_deref());
    if !from.is_some_and(is_email) {
        return fault("from.email", "The from email does not contain a valid address.");
    }
    if request.reply_to.as_ref().is_some_and(|to| !to.email.as_deref().is_some_and(is_email)) {
        return fault("reply_to.email", "The reply_to email does not contain a valid address.");
    }
    if request.reply_to.is_some() && request.reply_to_list.is_some() {
        return fault("reply_to_list", "Only one of reply_to and reply_to_list can be used.");
    }
    let different: HashSet<&String> = request.categories.iter().collect();
    if request.categories.len() > MAX_CATEGORIES || different.len() < request.categories.len() {
        return fault("categories", "The categories must be at most 10, each different from the others.");
    }
    if request.categories.iter().any(|category| category.chars().count() > MAX_CATEGORY_CHARS) {
        return fault("categories", "A category must be at most 255 characters.");
    }
    let stamps = request.personalizations.iter().filter_map(|p| p.send_at).chain(request.send_at);
    if stamps.into_iter().any(|send_at| send_at > now + MAX_SEND_AT_SECONDS) {
        return fault("send_at", "Scheduling more than 72 hours in advance is forbidden.");
    }
    check_headers("headers", &request.headers)
}

fn check_headers(field: &str, headers: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in headers {
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Refusal::bad_request(field, &format!("The header {name} is reserved.")));
        }
        if !value.as_str().is_some_and(|value| value.is_ascii() && !value.contains(['\r', '\n'])) {
            return Err(Refusal::bad_request(field, &format!("The header {name} must be an ASCII string.")));
        }
    }
    Ok(())
}

fn envelopes(request: &Request) -> Result<Vec<Envelope>, Refusal> {
    let all = &request.personalizations;
    if all.is_empty() {
        let message = "The personalizations field is required and must have at least one personalization.";
        return Err(Refusal::bad_request("personalizations", message));
    }
    if all.len() > MAX_PERSONALIZATIONS {
        let message = "The personalizations field must have at most 1000 personalizations.";
        return Err(Refusal::bad_request("personalizations", message));
    }
    let mut envelopes = Vec::new();
    for (i, personalization) in all.iter().enumerate() {
        let place = format!("personalizations.{i}");
        personal(request, personalization, &place, &mut envelopes)?;
    }
    if envelopes.len() > MAX_RECIPIENTS {
        let message = "The total number of recipients must be no more than 1000.";
        return Err(Refusal::bad_request("personalizations", message));
    }
    Ok(envelopes)
}

fn personal(request: &Request, own: &Personalization, place: &str, out: &mut Vec<Envelope>) -> Result<(), Refusal> {
    if own.to.is_empty() {
        let message = "The to array is required for all personalization objects, and must have at least one email \
            object with a valid email address.";
        return Err(Refusal::bad_request(&format!("{place}.to"), message));
    }
    check_headers(&format!("{place}.headers"), &own.headers)?;
    let custom_args = merged(&request.custom_args, &own.custom_args);
    if custom_args.values().any(|value| !value.is_string()) {
        return Err(Refusal::bad_request(&format!("{place}.custom_args"), "The custom_args must be strings."));
    }
    if Value::Object(custom_args.clone()).to_string().len() > MAX_CUSTOM_ARGS_BYTES {
        let message = "The custom_args must be less than 10,000 bytes.";
        return Err(Refusal::bad_request(&format!("{place}.custom_args"), message));
    }
    let substitutions: usize = own.substitutions.iter().map(|(tag, value)| tag.len() + value.as_str().map_or(0, str::len)).sum();
    if substitutions > MAX_SUBSTITUTIONS_BYTES || own.substitutions.values().any(|value| !value.is_string()) {
        let message = "The substitutions must be strings, and their total size must be less than 10,000 bytes.";
        return Err(Refusal::bad_request(&format!("{place}.substitutions"), message));
    }
    let from = own.from.as_ref().or(request.from.as_ref()).and_then(|from| from.email.clone()).unwrap_or_default();
    let mut seen = HashSet::new();
    for (kind, addresses) in [("to", &own.to), ("cc", &own.cc), ("bcc", &own.bcc)] {
        for (i, address) in addresses.iter().enumerate() {
            let place = format!("{place}.{kind}.{i}");
            let Some(email) = address.email.as_deref().filter(|email| is_email(email)) else {
                return Err(Refusal::bad_request(&format!("{place}.email"), "Does not contain a valid address."));
            };
            let to = email.to_lowercase();
            if !seen.insert(to.clone()) {
                let message = "Each email address in the personalization block should be unique between to, cc, and \
                    bcc. We found the first duplicate instance of this email address.";
                return Err(Refusal::bad_request(&place, message));
            }
            out.push(Envelope {
                to,
                from: from.clone(),
                place,
                subject: own.subject.clone().or_else(|| request.subject.clone()).filter(|subject| !subject.is_empty()),
                custom_args: custom_args.clone(),
                dynamic_data: own.dynamic_template_data.clone(),
                headers: merged(&request.headers, &own.headers),
                substitutions: own.substitutions.clone(),
            });
        }
    }
    Ok(())
}

type Bodies = (Option<String>, Option<String>);

/// Plain text and HTML, at most one of each, plain text first.
fn content(request: &Request, templated: bool) -> Result<Bodies, Refusal> {
    let blocks = request.content.as_deref().unwrap_or_default();
    if blocks.is_empty() && !templated {
        let message = "Unless a valid template_id is provided, the content parameter is required. There must be at \
            least one defined content block.";
        return Err(Refusal::bad_request("content", message));
    }
    for (i, block) in blocks.iter().enumerate() {
        if block.value.is_empty() {
            let message = "The content value must be a string at least one character in length.";
            return Err(Refusal::bad_request(&format!("content.{i}.value"), message));
        }
        if !block.mime.contains('/') || block.mime.contains([';', '\r', '\n']) {
            let message = "The content type must be a MIME type without parameters.";
            return Err(Refusal::bad_request(&format!("content.{i}.type"), message));
        }
    }
    let of = |mime: &str| blocks.iter().position(|block| block.mime.eq_ignore_ascii_case(mime));
    let (text, html) = (of("text/plain"), of("text/html"));
    if text.is_some_and(|at| at != 0) || html.is_some_and(|at| at != usize::from(text.is_some())) {
        let message = "If present, text/plain and text/html may only be provided once, as the first types, in this \
            order.";
        return Err(Refusal::bad_request("content", message));
    }
    let value = |at: Option<usize>| at.and_then(|at| blocks.get(at)).map(|block| block.value.clone());
    Ok((value(text), value(html)))
}

fn correlation(custom_args: &Map<String, Value>) -> String {
    custom_args.get("fanfare").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The message's values, overridden by the personalization's.
fn merged(of_message: &Map<String, Value>, own: &Map<String, Value>) -> Map<String, Value> {
    of_message.iter().chain(own).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// One `@`, something on both sides, a dot in the domain, nothing that would need quoting.
pub fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
    let labels = domain.split('.').all(|label| {
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    plain(local)
        && local.len() <= 64
        && email.len() <= 254
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.contains(['(', ')', '<', '>', ',', ';', ':', '\\', '"', '[', ']'])
        && domain.contains('.')
        && labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_only_looks_like_them() {
        for good in ["a@example.com", "first.last+tag@sub.example.co", "o'neil@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "@example.com", "a@", "a@example", "a b@example.com", "a@b@example.com", "a@.com", ".a@x.com"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
