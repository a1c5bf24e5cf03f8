//! A push service (RFC 8030): `POST /push/{subscription}`.
//!
//! It looks at what a real one looks at, the VAPID token above all, and what it hasn't refused it takes. Messages for simulated devices
//! ([`devices`]) are decrypted and played: the device tells the hub what it does. Messages for real browsers ([`browsers`]) stay
//! encrypted, and are fetched by the page at `/push/`. Not here: storing messages until their TTL ends, topics, and receipts of RFC 8030.

pub mod browsers;
mod decrypt;
pub mod devices;
pub mod page;
mod vapid;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::behaviour::Ruling;
use crate::config::{Active, is_http_url};
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::message::{Channel, Links, Message, Provider};

const MAX_BODY_BYTES: usize = 4_096;
const MAX_TOPIC: usize = 32;

/// Push services say it by the status; the text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.0, self.1).into_response();
        if self.0 == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub async fn send(
    State(desk): State<Arc<Desk>>,
    Path(subscription): Path<String>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    handle(&desk, &subscription, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn handle(
    desk: &Desk,
    subscription: &str,
    hangup: &Hangup,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let active = desk.live.get();
    let keys = devices::keys_of(active.config.seed, subscription);
    if keys.is_none() && !desk.browsers.has(subscription) {
        return Err(Refusal(StatusCode::NOT_FOUND, "there is no such subscription"));
    }
    vapid::check(headers, active.vapid_key.as_deref(), crate::clock::unix_seconds())?;
    let body =
        body.ok().filter(|body| body.len() <= MAX_BODY_BYTES).ok_or(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "more than 4,096 bytes"))?;
    check(headers, &body)?;
    let message = match keys {
        Some(keys) => {
            let plain = decrypt::decrypt(&body, &keys).ok_or(Refusal(StatusCode::BAD_REQUEST, "the device can't decrypt it"))?;
            readable(subscription, &plain)
        }
        None => Message { text: Some("(only the browser can read it)".into()), ..empty(subscription) },
    };
    take(desk, &active, hangup, headers, message, &body).await
}

/// What a push service looks at besides the token.
fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bad = |said| Err(Refusal(StatusCode::BAD_REQUEST, said));
    if text("ttl").is_none_or(|ttl| ttl.parse::<u32>().is_err()) {
        return bad("TTL must be given in seconds");
    }
    if text("content-encoding") != Some("aes128gcm") {
        return bad("Content-Encoding must be aes128gcm");
    }
    if text("urgency").is_some_and(|urgency| !["very-low", "low", "normal", "high"].contains(&urgency)) {
        return bad("Urgency is none of very-low, low, normal and high");
    }
    let is_topic = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text("topic").is_some_and(|topic| topic.is_empty() || topic.len() > MAX_TOPIC || !topic.bytes().all(is_topic)) {
        return bad("Topic must be at most 32 characters of base64url");
    }
    if decrypt::is_message(body) { Ok(()) } else { bad("the body is no aes128gcm message of one record") }
}

async fn take(
    desk: &Desk,
    active: &Arc<Active>,
    hangup: &Hangup,
    headers: &HeaderMap,
    mut message: Message,
    body: &[u8],
) -> Result<Response, Refusal> {
    let judged = desk.judge(active, Channel::Push, &[message.to.as_str()]).await;
    match judged.ruling {
        Ruling::Accept => {}
        Ruling::Refuse => {
            desk.refuse(Channel::Push, &message.to, &message.correlation).await;
            return Err(Refusal(StatusCode::GONE, "the subscription is gone"));
        }
        Ruling::Throttle => return Err(Refusal(StatusCode::TOO_MANY_REQUESTS, "too many messages")),
        Ruling::ServerError => return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "an error of our own")),
        Ruling::Lose => return Ok(desk.lose(judged.answer, hangup).await),
    }
    message.provider_message_id = uuid::Uuid::new_v4().simple().to_string();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let location = HeaderValue::from_str(&format!("http://{host}/push/m/{}", message.provider_message_id));
    let subscription = message.to.clone();
    let possible = crate::fcm::possible(&message);
    desk.plan(active, &mut message, possible, |_| ("never_shown", false));
    desk.accept(active, vec![message]).await.map_err(|_| Refusal(StatusCode::INTERNAL_SERVER_ERROR, "an error of our own"))?;
    desk.browsers.put(&subscription, body);
    let mut response = StatusCode::CREATED.into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(desk.finish(judged.answer, hangup, response).await)
}

fn empty(subscription: &str) -> Message {
    Message::new(Provider::Webpush, Channel::Push, subscription.to_owned(), "webpush".to_owned())
}

/// The notification, as the hub's service worker reads it.
fn readable(subscription: &str, plain: &[u8]) -> Message {
    let Ok(payload) = serde_json::from_slice::<Value>(plain) else {
        return Message { text: Some(String::from_utf8_lossy(plain).into_owned()), ..empty(subscription) };
    };
    let text = |name: &str| payload[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let url = |name: &str| text(name).filter(|url| is_http_url(url));
    Message {
        correlation: text("send_id").unwrap_or_default(),
        subject: text("title"),
        text: text("body"),
        media: text("image").into_iter().collect(),
        status_callback: url("receipt_url"),
        links: Links { click: url("link"), ..Links::default() },
        variables: Some(payload["data"].clone()).filter(Value::is_object),
        ..empty(subscription)
    }
}
