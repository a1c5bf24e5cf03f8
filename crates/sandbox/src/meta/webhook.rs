//! What Meta posts: statuses and inbound messages, several in one notification.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Method, Url};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::behaviour::Step;
use crate::callbacks::{Journey, Outgoing, Parcel, sign};
use crate::config::Active;

pub const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The business account and the number shown to people; the configuration names neither.
const BUSINESS_ACCOUNT: &str = "100000000000001";
const DISPLAY_NUMBER: &str = "15550783881";

pub fn request(active: &Active, batch: &[Journey]) -> Option<Outgoing> {
    let meta = active.config.meta.as_ref()?;
    let url = Url::parse(meta.webhook_url.as_deref()?).ok()?;
    let now = (crate::clock::unix_seconds() - i64::from(active.config.behaviour.callbacks.backdate_s)).to_string();
    let (mut statuses, mut replies) = (Vec::new(), Vec::new());
    for journey in batch {
        match journey.next()? {
            Step::Stop => replies.push(&*journey.parcel),
            step => statuses.push(status(&journey.parcel, step, &now)),
        }
    }
    let mut changes = Vec::new();
    if !statuses.is_empty() {
        changes.push(change(&meta.phone_number_id, "statuses", json!(statuses), None));
    }
    for parcel in replies {
        let mut contact = json!([{ "profile": { "name": "Sandbox Recipient" } }]);
        put_person(&mut contact[0], parcel, "wa_id", "user_id");
        let messages = json!([reply(parcel, "STOP", &now)]);
        changes.push(change(&meta.phone_number_id, "messages", messages, Some(contact)));
    }
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": BUSINESS_ACCOUNT, "changes": changes }],
    });
    // Meta escapes slashes; a receiver that verifies anything but the raw bytes is found out by that.
    let body = body.to_string().replace('/', "\\/").into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("facebookexternalua"));
    headers.insert(SIGNATURE, HeaderValue::from_str(&sign::meta(&meta.app_secret, &body)).ok()?);
    Some(Outgoing { method: Method::POST, url, headers, body, redirect_is_done: false })
}

fn change(phone_number_id: &str, what: &str, items: Value, contacts: Option<Value>) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": DISPLAY_NUMBER, "phone_number_id": phone_number_id },
    });
    value[what] = items;
    if let Some(contacts) = contacts {
        value["contacts"] = contacts;
    }
    json!({ "field": "messages", "value": value })
}

fn status(parcel: &Parcel, step: Step, now: &str) -> Value {
    let name = match step {
        Step::Sent => "sent",
        Step::Delivered => "delivered",
        Step::Failed => "failed",
        _ => "read",
    };
    let mut status = json!({
        "id": parcel.provider_message_id,
        "status": name,
        "timestamp": now,
    });
    put_person(&mut status, parcel, "recipient_id", "recipient_user_id");
    if !parcel.correlation.is_empty() {
        status["biz_opaque_callback_data"] = json!(parcel.correlation);
    }
    match step {
        Step::Sent | Step::Delivered => {
            status["pricing"] = json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": "marketing" });
        }
        Step::Failed => status["errors"] = json!([error(parcel.fails_with.as_deref())]),
        _ => {}
    }
    status
}

fn error(code: Option<&str>) -> Value {
    let (code, title, details) = match code {
        Some("130472") => (130_472, "User's number is part of an experiment", "The message was not sent."),
        Some("131047") => (131_047, "Re-engagement message", "More than 24 hours have passed since the customer last replied."),
        _ => (131_026, "Message undeliverable", "The recipient cannot receive this message on WhatsApp."),
    };
    json!({
        "code": code,
        "title": title,
        "message": title,
        "error_data": { "details": details },
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    })
}

/// A reply of the recipient. Its id depends on the message alone: a second try is the same reply.
fn reply(parcel: &Parcel, text: &str, now: &str) -> Value {
    let hash = digest(&SHA256, format!("reply:{}", parcel.provider_message_id).as_bytes());
    let id: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02X}")).collect();
    let mut reply = json!({
        "id": format!("wamid.{id}"),
        "timestamp": now,
        "type": "text",
        "text": { "body": text },
    });
    put_person(&mut reply, parcel, "from", "from_user_id");
    reply
}

/// Says whom it is about: a number's digits, or the id of somebody who hides theirs.
fn put_person(object: &mut Value, parcel: &Parcel, by_number: &str, by_id: &str) {
    match parcel.to.strip_prefix('+') {
        Some(digits) => object[by_number] = json!(digits),
        None => object[by_id] = json!(parcel.to),
    }
}
