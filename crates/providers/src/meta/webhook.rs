//! Meta's posts: statuses of what we sent; what people send is read by `people`, what becomes of templates and accounts by `news`.
//!
//! One post holds many parts. Each is read by itself, so that one of a new shape hides none of the others.

use super::{Config, errors, news, people};
use crate::signature::unhex;
use crate::webhook::{provider_time, text_of};
use crate::{DecodeError, Decoded, Event, EventKind, Refused, Waits, Webhook, WebhookRequest};
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

const SIGNATURE: &str = "x-hub-signature-256";

pub(super) struct Receiver {
    key: hmac::Key,
    marketing_waits: Option<Waits>,
}

// `hmac::Key`'s own Debug shows only the algorithm, but that is nobody's promise.
impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("meta::Receiver")
    }
}

impl Receiver {
    pub(super) fn new(config: &Config) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, config.app_secret.expose().as_bytes()), marketing_waits: config.marketing_waits }
    }
}

impl Webhook for Receiver {
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refused> {
        let header = request.headers.get(SIGNATURE).ok_or(Refused::Missing)?;
        let signature = header.strip_prefix("sha256=").and_then(unhex).ok_or(Refused::Mismatch)?;
        hmac::verify(&self.key, request.body, &signature).map_err(|_| Refused::Mismatch)
    }

    fn decode(&self, request: &WebhookRequest<'_>) -> Result<Decoded, DecodeError> {
        let post: Post = serde_json::from_slice(request.body).map_err(|error| DecodeError {
            provider: super::PROVIDER.slug,
            // Where and what kind, never the text itself.
            reason: format!("not a webhook post (line {}, column {})", error.line(), error.column()),
        })?;
        let mut decoded = Decoded::default();
        for entry in &post.entry {
            for change in &entry.changes {
                self.take(change, entry, request.now, &mut decoded);
            }
        }
        Ok(decoded)
    }
}

impl Receiver {
    fn take(&self, change: &Value, entry: &Entry, now: OffsetDateTime, decoded: &mut Decoded) {
        let value = &change["value"];
        let field = change["field"].as_str().unwrap_or_default();
        match field {
            "messages" => {
                let (statuses, messages) = (parts(value, "statuses"), parts(value, "messages"));
                if statuses.is_empty() && messages.is_empty() {
                    decoded.unknown += 1;
                }
                for status in statuses {
                    keep(&mut decoded.events, &mut decoded.unknown, event(status, self.marketing_waits, now));
                }
                for message in messages {
                    keep(&mut decoded.inbound, &mut decoded.unknown, people::message(message, parts(value, "contacts"), now));
                }
            }
            "user_preferences" => {
                for wish in parts(value, "user_preferences") {
                    keep(&mut decoded.inbound, &mut decoded.unknown, people::preference(wish, now));
                }
            }
            "user_id_update" => {
                for update in parts(value, "user_id_update") {
                    keep(&mut decoded.inbound, &mut decoded.unknown, people::id_update(update, now));
                }
            }
            "message_template_status_update" | "message_template_quality_update" | "template_category_update" => {
                keep(&mut decoded.templates, &mut decoded.unknown, news::template(field, value, &entry.time, now));
            }
            "phone_number_quality_update" | "account_update" | "account_review_update" => {
                let waba = text_of(&entry.id).unwrap_or_default();
                keep(&mut decoded.account, &mut decoded.unknown, news::account(field, value, &waba, &entry.time, now));
            }
            _ => decoded.unknown += 1,
        }
    }
}

#[derive(Deserialize)]
struct Post {
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// The WhatsApp Business Account.
    #[serde(default)]
    id: Value,
    #[serde(default)]
    time: Value,
    #[serde(default)]
    changes: Vec<Value>,
}

fn parts<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn keep<T>(kept: &mut Vec<T>, unknown: &mut usize, part: Option<T>) {
    match part {
        Some(part) => kept.push(part),
        None => *unknown += 1,
    }
}

fn event(status: &Value, waits: Option<Waits>, now: OffsetDateTime) -> Option<Event> {
    let id = status["id"].as_str()?;
    let name = status["status"].as_str()?;
    let kind = match name {
        "sent" => EventKind::Sent,
        "delivered" => EventKind::Delivered,
        "read" | "played" => EventKind::Opened,
        "failed" => EventKind::Failed,
        _ => return None,
    };
    let error = status["errors"][0]["code"].as_u64().and_then(|code| u32::try_from(code).ok());
    Some(Event {
        key: match error {
            Some(code) => format!("{id}:{name}:{code}"),
            None => format!("{id}:{name}"),
        },
        kind,
        correlation: text_of(&status["biz_opaque_callback_data"]),
        provider_message_id: Some(id.to_owned()),
        occurred_at: provider_time(&status["timestamp"], now),
        code: Some(error.map_or_else(|| name.to_owned(), |code| code.to_string())),
        action: error.and_then(errors::find).map(|row| row.action.with_ladder(waits)),
    })
}
