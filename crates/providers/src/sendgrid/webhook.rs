//! SendGrid's event posts: a JSON array, signed with ECDSA over a time stamp and the raw body.
//!
//! SendGrid repeats a post for 24 hours until it gets a 2xx, each time with the stamp of that try; the window allows for
//! that and for a clock that is a little off.

use super::{Config, errors, wire};
use crate::errors::OPT_OUT;
use crate::signature::hex;
use crate::webhook::{provider_time, text_of};
use crate::{DecodeError, Decoded, Event, EventKind, FaultAction, Refused, Webhook, WebhookRequest};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{digest, signature};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";
const AGE_MAX: Duration = Duration::hours(26);
const AHEAD_MAX: Duration = Duration::minutes(5);

/// A P-256 `SubjectPublicKeyInfo` (RFC 5480) up to its bit string: the uncompressed point follows.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// The point of a key given as base64 of DER, line breaks allowed.
pub(super) fn public_key(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(text).ok()?;
    let point = der.strip_prefix(&SPKI_PREFIX)?;
    (point.len() == POINT_BYTES && point[0] == UNCOMPRESSED).then(|| point.to_vec())
}

#[derive(Debug)]
pub(super) struct Receiver {
    key: Option<Vec<u8>>,
}

impl Receiver {
    pub(super) fn new(config: Config) -> Self {
        Self { key: config.webhook_key }
    }
}

impl Webhook for Receiver {
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refused> {
        let signature = request.headers.get(SIGNATURE).ok_or(Refused::Missing)?;
        let stamp = request.headers.get(TIMESTAMP).ok_or(Refused::Missing)?;
        let signature = BASE64_STANDARD.decode(signature).map_err(|_| Refused::Mismatch)?;
        let point = self.key.as_deref().ok_or(Refused::Mismatch)?;
        let signed = [stamp.as_bytes(), request.body].concat();
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point)
            .verify(&signed, &signature)
            .map_err(|_| Refused::Mismatch)?;
        let stamped = stamp.parse().ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
        let age = request.now - stamped.ok_or(Refused::Mismatch)?;
        if age > AGE_MAX || age < -AHEAD_MAX {
            return Err(Refused::Stale);
        }
        Ok(())
    }

    fn decode(&self, request: &WebhookRequest<'_>) -> Result<Decoded, DecodeError> {
        let events: Vec<Value> = serde_json::from_slice(request.body).map_err(|error| DecodeError {
            provider: super::PROVIDER.slug,
            reason: format!("not an array (line {}, column {})", error.line(), error.column()),
        })?;
        let mut decoded = Decoded::default();
        for value in &events {
            let name = value["event"].as_str().unwrap_or_default().to_ascii_lowercase();
            match (name.as_str(), meaning(&name, value)) {
                (_, Some(meaning)) => decoded.events.push(event(value, &name, meaning, request.now)),
                // SendGrid goes on trying; the group is none of ours.
                ("deferred" | "group_resubscribe", None) => {}
                _ => decoded.unknown += 1,
            }
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

fn meaning(name: &str, value: &Value) -> Option<Meaning> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let plain = |kind| Meaning { kind, code: None, action: None };
    let failed = |(code, action)| Meaning { kind: EventKind::Failed, code: Some(code), action: Some(action) };
    let opted_out = |kind| Meaning { kind, code: None, action: Some(OPT_OUT) };
    Some(match name {
        "processed" => plain(EventKind::Sent),
        "delivered" => plain(EventKind::Delivered),
        // Apple's mail privacy fetches every picture, read or not.
        "open" if is_true(&value["sg_machine_open"]) => plain(EventKind::MachineOpened),
        "open" => plain(EventKind::Opened),
        "click" => plain(EventKind::Clicked),
        "bounce" => failed(errors::of_bounce(text("type") == "blocked", text("status"), text("reason"))),
        "dropped" => failed(errors::of_drop(text("reason"))),
        "spamreport" => opted_out(EventKind::Complained),
        "unsubscribe" | "group_unsubscribe" => opted_out(EventKind::Unsubscribed),
        _ => return None,
    })
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"))
}

fn event(value: &Value, name: &str, meaning: Meaning, now: OffsetDateTime) -> Event {
    Event {
        key: text_of(&value["sg_event_id"]).unwrap_or_else(|| fingerprint(value)),
        kind: meaning.kind,
        correlation: text_of(&value["fanfare"]),
        provider_message_id: message_id(value),
        occurred_at: provider_time(&value["timestamp"], now),
        code: Some(meaning.code.unwrap_or_else(|| name.to_owned())),
        action: meaning.action,
    }
}

/// What the hub calls the message. The answer to the request names only the part before the first dot, and is for all messages of a call;
/// its place in it comes back beside our correlation.
fn message_id(value: &Value) -> Option<String> {
    let call = text_of(&value["sg_message_id"])?.split('.').next()?.to_owned();
    match text_of(&value["fanfare_n"]) {
        Some(n) => Some(wire::id_of(&call, &n)),
        None => Some(call),
    }
}

/// Stands in for a missing event id: the same event has the same one.
fn fingerprint(value: &Value) -> String {
    hex(digest::digest(&digest::SHA256, value.to_string().as_bytes()).as_ref())
}
