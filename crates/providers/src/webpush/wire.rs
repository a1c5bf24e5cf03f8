//! What a service worker is told, and what an endpoint answers.
//!
//! The payload is JSON of our own: `title`, `body`, `image`, `icon`, `link`, `tag`, `data`, `send_id` and `receipt_url`; what is empty is
//! left out. The hub's guide on push shows a service worker that reads it.

use super::encrypt::PLAIN_MAX_BYTES;
use crate::http_client::Answer;
use crate::{Fault, Message};
use domain::content::{PushVariant, Rendered};
use http::{StatusCode, header::LOCATION};
use serde_json::{Map, Value, json};

/// Four weeks; some services refuse more.
const TTL_MAX_SECONDS: u32 = 2_419_200;
/// Where nobody said: a day.
const TTL_SECONDS: u32 = 86_400;
/// Longer names of message resources aren't kept.
const ID_MAX_CHARS: usize = 500;

/// The notification of a message.
///
/// # Errors
/// When it is none.
pub(super) fn push(message: &Message) -> Result<&PushVariant, Fault> {
    match &message.content {
        Rendered::Push(push) => Ok(push),
        _ => Err(Fault::content("Web Push carries notifications only")),
    }
}

/// The text to encrypt.
///
/// # Errors
/// When it is too long.
pub(super) fn payload(message: &Message, push: &PushVariant) -> Result<Vec<u8>, Fault> {
    let mut payload = Map::new();
    let texts = [
        ("title", &push.title),
        ("body", &push.body),
        ("image", &push.image_url),
        ("icon", &push.icon_url),
        ("link", &push.link),
        ("tag", if push.collapse_key.is_empty() { &message.idempotency_key } else { &push.collapse_key }),
        ("send_id", &message.idempotency_key),
    ];
    payload.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), json!(text))));
    if !push.data.is_empty() {
        payload.insert("data".to_owned(), json!(push.data));
    }
    if let Some(url) = &message.receipt_url {
        payload.insert("receipt_url".to_owned(), json!(url));
    }
    let payload = Value::Object(payload).to_string().into_bytes();
    if payload.len() > PLAIN_MAX_BYTES {
        return Err(Fault::content("the notification and its data have more than 3,993 bytes"));
    }
    Ok(payload)
}

pub(super) fn ttl(push: &PushVariant) -> u32 {
    if push.ttl_seconds == 0 { TTL_SECONDS } else { push.ttl_seconds.min(TTL_MAX_SECONDS) }
}

/// What the push service calls the message, in a success: the last part of its resource's URL, or Apple's id. One that gives no name is
/// known by ours. Any other success than 201 and 202 is no answer of a push service.
pub(super) fn message_id(answer: &Answer, message: &Message) -> Option<String> {
    if !matches!(answer.status, StatusCode::CREATED | StatusCode::ACCEPTED) {
        return None;
    }
    let header = |name: &str| answer.headers.get(name)?.to_str().ok();
    let resource = header(LOCATION.as_str()).and_then(|url| url.trim_end_matches('/').rsplit('/').next());
    let id = resource.or_else(|| header("apns-id")).filter(|id| !id.is_empty() && id.len() <= ID_MAX_CHARS);
    Some(id.unwrap_or(&message.idempotency_key).to_owned())
}
