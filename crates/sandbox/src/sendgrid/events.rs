//! The event webhook: an array of events, signed.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Url};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::behaviour::Step;
use crate::callbacks::{Journey, Outgoing, Parcel, sign};
use crate::config::Active;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-timestamp");

pub fn request(active: &Active, batch: &[Journey]) -> Option<Outgoing> {
    let url = Url::parse(active.config.sendgrid.as_ref()?.webhook_url.as_deref()?).ok()?;
    let now = crate::clock::unix_seconds();
    let occurred = now - i64::from(active.config.behaviour.callbacks.backdate_s);
    let events = batch.iter().filter_map(|journey| Some(event(&journey.parcel, journey.next()?, occurred).to_string()));
    // As SendGrid writes it, so that a receiver which verifies anything but the raw bytes is found out.
    let body = format!("[{}]\r\n", events.collect::<Vec<_>>().join(",\r\n")).into_bytes();
    let timestamp = now.to_string();
    let signature = sign::sendgrid(active.sendgrid_key.as_ref()?, &timestamp, &body).ok()?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("SendGrid Event API"));
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).ok()?);
    headers.insert(TIMESTAMP, HeaderValue::from_str(&timestamp).ok()?);
    Some(Outgoing { method: Method::POST, url, headers, body, redirect_is_done: false })
}

fn event(parcel: &Parcel, step: Step, now: i64) -> Value {
    let fails_with = parcel.fails_with.as_deref();
    let (name, details) = match step {
        Step::Sent => ("processed", json!({})),
        Step::Failed if fails_with == Some("dropped") => ("dropped", json!({ "reason": "Invalid", "status": "5.0.0" })),
        Step::Failed => ("bounce", bounce(fails_with == Some("blocked"))),
        _ => ("delivered", json!({ "response": "250 2.0.0 OK", "tls": 1 })),
    };
    let smtp_id = parcel.message_id.as_deref().unwrap_or_default();
    // Custom arguments stand at the top level; SendGrid's own names win.
    let mut event = parcel.custom_args.clone();
    event.extend(object(details));
    event.extend(object(json!({
        "email": parcel.to,
        "event": name,
        "timestamp": now,
        "smtp-id": format!("<{smtp_id}>"),
        "sg_message_id": format!("{}.recvd-{}.0", parcel.provider_message_id, smtp_id.split('@').next().unwrap_or_default()),
        "sg_event_id": event_id(smtp_id, name),
    })));
    if !parcel.categories.is_empty() {
        event.insert("category".into(), json!(parcel.categories));
    }
    Value::Object(event)
}

fn bounce(blocked: bool) -> Value {
    if blocked {
        let reason = "550 5.7.1 the message was blocked by the receiving server's policy";
        json!({ "reason": reason, "status": "5.7.1", "type": "blocked", "ip": "127.0.0.1", "tls": 1 })
    } else {
        let reason = "550 5.1.1 the mailbox does not exist";
        json!({ "reason": reason, "status": "5.1.1", "type": "bounce", "ip": "127.0.0.1", "tls": 1 })
    }
}

/// The same at every try, since receivers tell repetitions by it.
fn event_id(smtp_id: &str, name: &str) -> String {
    let hash = digest(&SHA256, format!("{smtp_id}:{name}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..16).unwrap_or_default())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
