//! A message as Meta posts it: JSON, signed over its raw bytes.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};

use super::{Medium, Post, Writing};
use crate::callbacks::sign;
use crate::config::Meta;
use crate::message::Channel;

const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The business account and the number shown to people; the configuration names neither.
const BUSINESS_ACCOUNT: &str = "100000000000001";
const DISPLAY_NUMBER: &str = "15550783881";

pub(super) fn post(meta: &Meta, writing: &Writing) -> Result<(String, Post), &'static str> {
    let url = writing.url.as_deref().or(meta.webhook_url.as_deref()).ok_or("meta.webhook_url is not configured")?;
    if writing.channel != Channel::Whatsapp {
        return Err("Meta carries WhatsApp only");
    }
    let id = writing.id.clone().unwrap_or_else(|| format!("wamid.{}", uuid::Uuid::new_v4().simple()));
    let wa_id = writing.from.as_ref().map(|from| from.trim_start_matches('+'));
    let mut contact = json!({ "profile": { "name": writing.name.as_deref().unwrap_or("Sandbox Recipient") } });
    put(&mut contact, "wa_id", wa_id);
    put(&mut contact, "user_id", writing.user_id.as_deref());
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": BUSINESS_ACCOUNT, "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": DISPLAY_NUMBER, "phone_number_id": meta.phone_number_id },
            "contacts": [contact],
            "messages": [message(writing, &id, wa_id)?],
        } }] }],
    });
    // Meta escapes slashes; a receiver that verifies anything but the raw bytes is found out by that.
    let body = body.to_string().replace('/', "\\/").into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("facebookexternalua"));
    let signature = HeaderValue::from_str(&sign::meta(&meta.app_secret, &body)).map_err(|_| "it can't be signed")?;
    headers.insert(SIGNATURE, signature);
    Ok((id, Post { url: url.to_owned(), headers, body }))
}

fn message(writing: &Writing, id: &str, wa_id: Option<&str>) -> Result<Value, &'static str> {
    let mut message = json!({ "id": id, "timestamp": crate::clock::unix_seconds().to_string() });
    put(&mut message, "from", wa_id);
    put(&mut message, "from_user_id", writing.user_id.as_deref());
    let (kind, part) = part(writing)?;
    message["type"] = json!(kind);
    message[kind] = part;
    if kind != "reaction"
        && let Some(quoted) = &writing.reply_to
    {
        message["context"] = json!({ "from": DISPLAY_NUMBER, "id": quoted });
    }
    Ok(message)
}

fn part(writing: &Writing) -> Result<(&'static str, Value), &'static str> {
    if let Some(sign) = &writing.reaction {
        let quoted = writing.reply_to.as_deref().ok_or("a reaction is put to a message: give reply_to")?;
        return Ok(("reaction", json!({ "message_id": quoted, "emoji": sign })));
    }
    if let Some(payload) = &writing.button {
        return Ok(("button", json!({ "payload": payload, "text": writing.text })));
    }
    match writing.media.as_slice() {
        [] => Ok(("text", json!({ "body": writing.text }))),
        [medium] => Ok((kind(&medium.media_type), part_of(medium, &writing.text))),
        _ => Err("Meta carries one medium in a message"),
    }
}

fn kind(media_type: &str) -> &'static str {
    match media_type.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    }
}

fn part_of(medium: &Medium, caption: &str) -> Value {
    let id = medium.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0.to_string());
    let mut part = json!({ "id": id, "mime_type": medium.media_type, "sha256": "c2FuZGJveA==" });
    put(&mut part, "filename", medium.file_name.as_deref());
    put(&mut part, "caption", Some(caption).filter(|caption| !caption.is_empty() && kind(&medium.media_type) != "audio"));
    part
}

fn put(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = json!(value);
    }
}
