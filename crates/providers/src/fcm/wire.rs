//! A message in Firebase's form, and its answers.

use crate::device::DeviceKind;
use crate::http_client::Answer;
use crate::{Fault, Message, message::is_message_id};
use domain::content::{PushVariant, Rendered, Urgency};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a notification and its data may have at most ("ErrorCode", INVALID_ARGUMENT).
const PAYLOAD_MAX_BYTES: usize = 4_096;
/// Firebase keeps a message at most four weeks.
const TTL_MAX_SECONDS: u32 = 2_419_200;
/// Where nobody said: a day.
const TTL_SECONDS: u32 = 86_400;
/// Apple's limit on a collapse id; longer ones are refused.
const COLLAPSE_MAX_BYTES: usize = 64;

/// The request for one device.
///
/// # Errors
/// When the message can't be put into Firebase's form.
pub(super) fn request(message: &Message, now: i64) -> Result<Value, Fault> {
    let Rendered::Push(push) = &message.content else { return Err(Fault::content("Firebase carries notifications only")) };
    let device = message.device.as_ref().ok_or_else(|| Fault::content("there is no device to send it to"))?;
    let target = match device.kind {
        DeviceKind::Fid => "fid",
        DeviceKind::Token => "token",
        DeviceKind::WebPush => return Err(Fault::content("a browser's own subscription is no device of Firebase's")),
    };
    let mut notification = json!({ "title": push.title, "body": push.body });
    if !push.image_url.is_empty() {
        notification["image"] = json!(push.image_url);
    }
    let data = data(message, push);
    if notification.to_string().len() + Value::Object(data.clone()).to_string().len() > PAYLOAD_MAX_BYTES {
        return Err(Fault::content("the notification and its data have more than 4,096 bytes"));
    }
    let ttl = ttl(push);
    Ok(json!({ "message": {
        target: message.to,
        "notification": notification,
        "data": data,
        "android": android(message, push, ttl),
        "apns": apns(message, push, ttl, now),
        "webpush": webpush(push, ttl),
    }}))
}

/// A request that Firebase can only refuse, for this device token: what comes back says whether the account may send.
pub(super) fn trial(token: &str) -> Value {
    json!({ "validateOnly": true, "message": { "token": token, "notification": { "title": "test", "body": "test" } } })
}

/// For the app: the template's own values, and ours. All are texts.
fn data(message: &Message, push: &PushVariant) -> Map<String, Value> {
    let mut data: Map<String, Value> = push.data.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    data.insert("send_id".to_owned(), json!(message.idempotency_key));
    if !push.link.is_empty() {
        data.insert("link".to_owned(), json!(push.link));
    }
    if let Some(url) = &message.receipt_url {
        data.insert("receipt_url".to_owned(), json!(url));
    }
    data
}

/// The tag makes a second copy replace the first one on the device, instead of standing beside it.
fn android(message: &Message, push: &PushVariant, ttl: u32) -> Value {
    let priority = if push.urgency == Urgency::High { "HIGH" } else { "NORMAL" };
    let mut android = json!({ "priority": priority, "ttl": format!("{ttl}s"), "notification": { "tag": tag(message, push) } });
    if !push.collapse_key.is_empty() {
        android["collapseKey"] = json!(push.collapse_key);
    }
    android
}

fn apns(message: &Message, push: &PushVariant, ttl: u32, now: i64) -> Value {
    let priority = if push.urgency == Urgency::High { "10" } else { "5" };
    json!({ "headers": {
        "apns-priority": priority,
        "apns-expiration": (now + i64::from(ttl)).to_string(),
        "apns-collapse-id": tag(message, push),
    }})
}

fn webpush(push: &PushVariant, ttl: u32) -> Value {
    let mut webpush = json!({ "headers": { "TTL": ttl.to_string(), "Urgency": push.urgency.as_str() } });
    if push.link.starts_with("https://") {
        webpush["fcmOptions"] = json!({ "link": push.link });
    }
    webpush
}

fn ttl(push: &PushVariant) -> u32 {
    if push.ttl_seconds == 0 { TTL_SECONDS } else { push.ttl_seconds.min(TTL_MAX_SECONDS) }
}

/// What replaces what on a device: the template's own key, else the delivery's.
fn tag<'m>(message: &'m Message, push: &'m PushVariant) -> &'m str {
    let key = if push.collapse_key.is_empty() { &message.idempotency_key } else { &push.collapse_key };
    let end = (0..=key.len().min(COLLAPSE_MAX_BYTES)).rev().find(|end| key.is_char_boundary(*end)).unwrap_or_default();
    &key[..end]
}

#[derive(Deserialize)]
struct Sent {
    name: String,
}

/// The message's name in a success: `projects/…/messages/…`.
pub(super) fn message_id(answer: &Answer) -> Option<String> {
    let sent: Sent = serde_json::from_slice(&answer.body).ok()?;
    Some(sent.name).filter(|name| !name.is_empty() && is_message_id(name))
}

/// google.rpc.Status, as far as we look at it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub error: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub message: String,
    pub status: String,
    details: Vec<Value>,
}

impl Status {
    /// What Firebase itself says, if it does.
    pub(super) fn fcm_code(&self) -> Option<&str> {
        let is_fcm = |detail: &&Value| detail["@type"].as_str().is_some_and(|kind| kind.ends_with("google.firebase.fcm.v1.FcmError"));
        self.details.iter().find(is_fcm)?.get("errorCode")?.as_str()
    }

    /// Whether it complains of the device's token or installation id, and of no other field.
    pub(super) fn names_target(&self) -> bool {
        let is_request = |detail: &&Value| detail["@type"].as_str().is_some_and(|kind| kind.ends_with("google.rpc.BadRequest"));
        let fields = self.details.iter().filter(is_request).flat_map(|detail| detail["fieldViolations"].as_array()).flatten();
        let mut fields = fields.map(|violation| violation["field"].as_str().unwrap_or_default());
        let said = self.message.to_ascii_lowercase();
        fields.all(|field| matches!(field, "message.token" | "message.fid"))
            && ["token", "installation", "fid"].iter().any(|word| said.contains(word))
    }
}

pub(super) fn error(answer: &Answer) -> Status {
    serde_json::from_slice::<ErrorBody>(&answer.body).unwrap_or_default().error
}
