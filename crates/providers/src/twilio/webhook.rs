//! Twilio's posts: status reports and inbound messages, both as forms.
//!
//! The signature covers the URL as Twilio saw it and the form's pairs. Between Twilio and us a proxy may have added or
//! removed the default port, and a URL library may have escaped an apostrophe, so each of these spellings is tried.

use super::{Config, errors, wire::WHATSAPP_PREFIX};
use crate::settings::is_e164;
use crate::signature::{hex, same};
use crate::{DecodeError, Decoded, Event, EventKind, Inbound, Media, Preference, Refused, Waits, Webhook, WebhookRequest};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::Channel;
use ring::{digest, hmac};
use std::collections::{BTreeMap, BTreeSet};
use url::form_urlencoded;

const SIGNATURE: &str = "x-twilio-signature";
/// The query parameter in which Twilio puts the hash of a body that isn't a form.
const BODY_HASH: &str = "bodySHA256";
/// The query parameter of the status URL that carries the correlation.
const CORRELATION: &str = "d";

/// Files in one message that are read; Twilio sends 10 at most.
const MEDIA_MAX: usize = 20;

pub(super) struct Receiver {
    key: hmac::Key,
    marketing_waits: Option<Waits>,
}

// `hmac::Key`'s own Debug shows only the algorithm, but that is nobody's promise.
impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("twilio::Receiver")
    }
}

impl Receiver {
    pub(super) fn new(config: &Config) -> Self {
        let token = config.auth_token.expose().as_bytes();
        Self { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token), marketing_waits: config.marketing_waits }
    }
}

impl Webhook for Receiver {
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refused> {
        let signature = request.headers.get(SIGNATURE).ok_or(Refused::Missing)?;
        let signature = BASE64_STANDARD.decode(signature).map_err(|_| Refused::Mismatch)?;
        let url = request.url.split('#').next().unwrap_or_default();
        let params = match query_value(url, BODY_HASH) {
            Some(claimed) => {
                let actual = hex(digest::digest(&digest::SHA256, request.body).as_ref());
                if !same(claimed.as_bytes(), actual.as_bytes()) {
                    return Err(Refused::Mismatch);
                }
                String::new()
            }
            None => signed_params(request.body),
        };
        let proved = spellings(url).into_iter().any(|url| hmac::verify(&self.key, format!("{url}{params}").as_bytes(), &signature).is_ok());
        if proved { Ok(()) } else { Err(Refused::Mismatch) }
    }

    fn decode(&self, request: &WebhookRequest<'_>) -> Result<Decoded, DecodeError> {
        let mut decoded = Decoded::default();
        if request.body.first() == Some(&b'{') {
            // Twilio's JSON posts are of products that we don't use.
            decoded.unknown = 1;
            return Ok(decoded);
        }
        let form: BTreeMap<String, String> = form_urlencoded::parse(request.body).into_owned().collect();
        let form = Form(form);
        let Some(sid) = form.get("MessageSid").or_else(|| form.get("SmsSid")) else {
            return Err(DecodeError { provider: super::PROVIDER.slug, reason: "there is no MessageSid".to_owned() });
        };
        match form.get("MessageStatus").or_else(|| form.get("SmsStatus")) {
            None | Some("received" | "receiving") if form.get("From").is_some() => {
                decoded.inbound.push(inbound(&form, sid, request));
            }
            Some("accepted" | "scheduled" | "queued" | "sending") => {}
            Some(status) => match kind(status) {
                Some(kind) => {
                    let mut event = event(&form, sid, status, kind, request);
                    event.action = event.action.map(|action| action.with_ladder(self.marketing_waits));
                    decoded.events.push(event);
                }
                None => decoded.unknown = 1,
            },
            None => decoded.unknown = 1,
        }
        Ok(decoded)
    }
}

struct Form(BTreeMap<String, String>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn kind(status: &str) -> Option<EventKind> {
    Some(match status {
        "sent" | "partially_delivered" => EventKind::Sent,
        "delivered" => EventKind::Delivered,
        "read" => EventKind::Opened,
        "undelivered" | "failed" | "canceled" => EventKind::Failed,
        _ => return None,
    })
}

fn event(form: &Form, sid: &str, status: &str, kind: EventKind, request: &WebhookRequest<'_>) -> Event {
    let error = form.get("ErrorCode").filter(|code| *code != "0");
    Event {
        key: match error {
            Some(code) => format!("{sid}:{status}:{code}"),
            None => format!("{sid}:{status}"),
        },
        kind,
        correlation: query_value(request.url, CORRELATION),
        provider_message_id: Some(sid.to_owned()),
        // Only SMS gives a time, to the minute and without a zone.
        occurred_at: request.now,
        code: Some(error.unwrap_or(status).to_owned()),
        action: error.and_then(errors::report_action),
    }
}

fn inbound(form: &Form, sid: &str, request: &WebhookRequest<'_>) -> Inbound {
    let from = form.get("From").unwrap_or_default();
    let stripped = from.strip_prefix(WHATSAPP_PREFIX);
    let preference = match form.get("OptOutType") {
        Some("STOP") => Some(Preference::Stop),
        Some("START") => Some(Preference::Start),
        Some("HELP") => Some(Preference::Help),
        _ => None,
    };
    let text = form.get("ButtonPayload").or_else(|| form.get("Body"));
    let channel = if stripped.is_some() { Channel::Whatsapp } else { Channel::Sms };
    Inbound {
        // WhatsApp users may hide their number behind a name.
        from: Some(stripped.unwrap_or(from)).filter(|from| is_e164(from)).map(str::to_owned),
        // Towards this business only; with it people who hide their number can be answered.
        user_id: form.get("ExternalUserId").map(str::to_owned),
        name: form.get("ProfileName").map(str::to_owned),
        kind: inbound_kind(form),
        text: text.unwrap_or_default().to_owned(),
        reply_to: form.get("OriginalRepliedMessageSid").map(str::to_owned),
        media: media(form),
        preference,
        ..Inbound::new(sid, channel, request.now)
    }
}

fn inbound_kind(form: &Form) -> &'static str {
    let has_media = form.get("NumMedia").is_some_and(|count| count != "0");
    match form.get("ButtonPayload") {
        Some(_) => "button",
        None if has_media => "media",
        None => "text",
    }
}

/// Where Twilio keeps what came along; with the account's credentials only.
fn media(form: &Form) -> Vec<Media> {
    let count = form.get("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0_usize);
    let one = |index: usize| {
        let url = form.get(&format!("MediaUrl{index}"))?;
        let media_type = form.get(&format!("MediaContentType{index}")).unwrap_or_default().to_owned();
        let id = url.rsplit('/').next().filter(|id| super::is_sid(id, "ME")).unwrap_or_default().to_owned();
        Some(Media { id, url: url.to_owned(), media_type, ..Media::default() })
    };
    (0..count.min(MEDIA_MAX)).filter_map(one).collect()
}

/// The form's pairs as they are signed: by key, then by value, each pair once, with nothing in between.
fn signed_params(body: &[u8]) -> String {
    let mut params: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(body) {
        params.entry(key).or_default().insert(value);
    }
    let mut text = String::new();
    for (key, values) in &params {
        for value in values {
            text.push_str(key);
            text.push_str(value);
        }
    }
    text
}

fn query_value(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split('#').next()?.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// The URL as received, without its port, and with the default port; each with an apostrophe in the query escaped too.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host_start = authority.rfind('@').map_or(0, |at| at + 1);
        let port = authority[host_start..].rfind(':').map(|colon| host_start + colon);
        // In an IPv6 address a colon is a port's only after the bracket.
        let port = port.filter(|&colon| !authority[colon..].contains(']'));
        let bare = port.map_or(authority, |colon| &authority[..colon]);
        let default_port = if scheme == "http" { 80 } else { 443 };
        all.push(format!("{scheme}://{bare}{path}"));
        all.push(format!("{scheme}://{bare}:{default_port}{path}"));
    }
    let escaped: Vec<String> = all.iter().filter_map(|url| escape_apostrophes(url)).collect();
    all.extend(escaped);
    all
}

fn escape_apostrophes(url: &str) -> Option<String> {
    let (before, query) = url.split_once('?')?;
    query.contains('\'').then(|| format!("{before}?{}", query.replace('\'', "%27")))
}
