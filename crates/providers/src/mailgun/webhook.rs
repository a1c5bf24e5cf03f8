//! Mailgun's event posts: JSON, with an HMAC over a time and a token in the body itself.
//!
//! What the post says isn't signed, and a post is repeated for up to 8 hours. So the window is as narrow as repetitions allow, and an event
//! without a correlation of ours changes nothing: the hub checks that token's own MAC before it believes what it is about.

use super::{Config, errors, wire};
use crate::errors::{OPT_OUT, PERMANENT};
use crate::signature::unhex;
use crate::webhook::{provider_time, text_of};
use crate::{DecodeError, Decoded, Event, EventKind, FaultAction, Refused, Webhook, WebhookRequest};
use ring::hmac;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const AGE_MAX: Duration = Duration::hours(12);
const AHEAD_MAX: Duration = Duration::minutes(5);

pub(super) struct Receiver {
    key: Option<hmac::Key>,
}

// `hmac::Key`'s own Debug shows only the algorithm, but that is nobody's promise.
impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mailgun::Receiver")
    }
}

impl Receiver {
    pub(super) fn new(config: &Config) -> Self {
        let key = config.signing_key.as_ref().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()));
        Self { key }
    }
}

impl Webhook for Receiver {
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refused> {
        let post: Value = serde_json::from_slice(request.body).map_err(|_| Refused::Missing)?;
        let text = |name: &str| post["signature"][name].as_str();
        let (Some(stamp), Some(token), Some(signature)) = (text("timestamp"), text("token"), text("signature")) else {
            return Err(Refused::Missing);
        };
        let key = self.key.as_ref().ok_or(Refused::Mismatch)?;
        let signature = unhex(signature).ok_or(Refused::Mismatch)?;
        hmac::verify(key, format!("{stamp}{token}").as_bytes(), &signature).map_err(|_| Refused::Mismatch)?;
        let stamped = stamp.parse().ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let age = request.now - stamped.ok_or(Refused::Mismatch)?;
        if age > AGE_MAX || age < -AHEAD_MAX { Err(Refused::Stale) } else { Ok(()) }
    }

    fn decode(&self, request: &WebhookRequest<'_>) -> Result<Decoded, DecodeError> {
        let post: Value = serde_json::from_slice(request.body).map_err(|error| DecodeError {
            provider: super::PROVIDER.slug,
            reason: format!("not JSON (line {}, column {})", error.line(), error.column()),
        })?;
        let data = &post["event-data"];
        let mut decoded = Decoded::default();
        // Of a failure that passes Mailgun goes on trying.
        if data["event"] == "failed" && data["severity"] == "temporary" {
            return Ok(decoded);
        }
        match (meaning(data), text_of(&data["user-variables"]["fanfare"])) {
            (Some(meaning), Some(correlation)) => decoded.events.extend(event(data, meaning, correlation, request.now)),
            _ => decoded.unknown = 1,
        }
        Ok(decoded)
    }
}

/// What an event is, and for a failure its code and what follows.
struct Meaning {
    kind: EventKind,
    code: Option<String>,
    action: Option<FaultAction>,
}

fn meaning(data: &Value) -> Option<Meaning> {
    let plain = |kind| Meaning { kind, code: None, action: None };
    let opted_out = |kind| Meaning { kind, code: None, action: Some(OPT_OUT) };
    // Privacy proxies and scanners, as Mailgun tells them.
    let by_machine = data["client-info"]["bot"].as_str().is_some_and(|bot| !bot.is_empty());
    Some(match data["event"].as_str()? {
        "accepted" => plain(EventKind::Sent),
        "delivered" => plain(EventKind::Delivered),
        "opened" if by_machine => plain(EventKind::MachineOpened),
        "opened" => plain(EventKind::Opened),
        "clicked" if !by_machine => plain(EventKind::Clicked),
        "failed" => {
            let status = &data["delivery-status"];
            let said = status["message"].as_str().filter(|said| !said.is_empty()).or(status["description"].as_str()).unwrap_or_default();
            let enhanced = status["enhanced-code"].as_str().unwrap_or_default();
            let reason = data["reason"].as_str().unwrap_or_default();
            let (code, action) = errors::of_failure(reason, status["code"].as_u64().unwrap_or_default(), enhanced, said);
            Meaning { kind: EventKind::Failed, code: Some(code), action: Some(action) }
        }
        errors::REJECTED => Meaning { kind: EventKind::Failed, code: Some(errors::REJECTED.to_owned()), action: Some(PERMANENT) },
        "unsubscribed" => opted_out(EventKind::Unsubscribed),
        "complained" => opted_out(EventKind::Complained),
        _ => return None,
    })
}

/// None without an id: nothing would keep it from being counted twice.
fn event(data: &Value, meaning: Meaning, correlation: String, now: OffsetDateTime) -> Option<Event> {
    let name = data["event"].as_str()?;
    // Seconds with a fraction.
    let seconds = data["timestamp"].as_f64().map_or(Value::Null, |seconds| json!(seconds.trunc() as i64));
    Some(Event {
        key: format!("{name}:{}", text_of(&data["id"])?),
        kind: meaning.kind,
        correlation: Some(correlation),
        provider_message_id: message_id(data),
        occurred_at: provider_time(&seconds, now),
        code: Some(meaning.code.unwrap_or_else(|| name.to_owned())),
        action: meaning.action,
    })
}

/// What the hub calls the message: its id, with its place in a call that carried several.
fn message_id(data: &Value) -> Option<String> {
    let id = text_of(&data["message"]["headers"]["message-id"])?.trim_matches(['<', '>']).to_owned();
    Some(match text_of(&data["user-variables"]["fanfare_n"]) {
        Some(n) => wire::id_of(&id, &n),
        None => id,
    })
}
