//! Meta's posts: statuses of what we sent, people's messages, and their marketing preference.
//!
//! One post holds many parts. Each is read by itself, so that one of a new shape hides none of the others.

use super::{Config, errors};
use crate::signature::unhex;
use crate::webhook::{provider_time, text_of};
use crate::{DecodeError, Decoded, Event, EventKind, Inbound, Preference, Refused, Waits, Webhook, WebhookRequest};
use domain::Channel;
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
        for change in post.entry.iter().flat_map(|entry| &entry.changes) {
            let value = &change["value"];
            match change["field"].as_str() {
                Some("messages") => {
                    let statuses = parts(value, "statuses");
                    let messages = parts(value, "messages");
                    if statuses.is_empty() && messages.is_empty() {
                        decoded.unknown += 1;
                    }
                    for status in statuses {
                        keep(&mut decoded.events, &mut decoded.unknown, event(status, self.marketing_waits, request.now));
                    }
                    for message in messages {
                        let inbound = inbound(message, request.now);
                        keep(&mut decoded.inbound, &mut decoded.unknown, inbound);
                    }
                }
                Some("user_preferences") => {
                    for wish in parts(value, "user_preferences") {
                        let inbound = preference(wish, request.now);
                        keep(&mut decoded.inbound, &mut decoded.unknown, inbound);
                    }
                }
                _ => decoded.unknown += 1,
            }
        }
        Ok(decoded)
    }
}

#[derive(Deserialize)]
struct Post {
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
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

fn inbound(message: &Value, now: OffsetDateTime) -> Option<Inbound> {
    Some(Inbound {
        key: text_of(&message["id"])?,
        from: number(&message["from"]),
        channel: Channel::Whatsapp,
        text: text(message)?,
        preference: None,
        occurred_at: provider_time(&message["timestamp"], now),
    })
}

/// What the person said: words, a button's payload, a caption; empty for a message without words. None for what is no
/// message of a person.
fn text(message: &Value) -> Option<String> {
    let kind = message["type"].as_str()?;
    let part = &message[kind];
    let words = match kind {
        "text" => &part["body"],
        "button" if !part["payload"].is_null() => &part["payload"],
        "button" => &part["text"],
        "interactive" => match part["type"].as_str()? {
            "button_reply" => &part["button_reply"]["id"],
            "list_reply" => &part["list_reply"]["id"],
            _ => &Value::Null,
        },
        "reaction" => &part["emoji"],
        "image" | "video" | "document" => &part["caption"],
        "audio" | "sticker" | "location" | "contacts" => &Value::Null,
        "order" => &part["text"],
        _ => return None,
    };
    Some(text_of(words).unwrap_or_default())
}

fn preference(wish: &Value, now: OffsetDateTime) -> Option<Inbound> {
    let value = wish["value"].as_str()?;
    let category = wish["category"].as_str().filter(|name| *name == "marketing_messages")?;
    let person = text_of(&wish["user_id"]).or_else(|| text_of(&wish["wa_id"]))?;
    let timestamp = text_of(&wish["timestamp"]).unwrap_or_default();
    Some(Inbound {
        key: format!("{person}:{category}:{value}:{timestamp}"),
        from: number(&wish["wa_id"]),
        channel: Channel::Whatsapp,
        text: String::new(),
        preference: Some(match value {
            "stop" => Preference::Stop,
            "resume" => Preference::Start,
            _ => return None,
        }),
        occurred_at: provider_time(&wish["timestamp"], now),
    })
}

/// A WhatsApp id is the number's digits; a person with a user name may have none.
fn number(id: &Value) -> Option<String> {
    let digits = text_of(id)?;
    let number = format!("+{}", digits.trim_start_matches('+'));
    crate::settings::is_e164(&number).then_some(number)
}
