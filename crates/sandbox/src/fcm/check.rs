//! Reading a message, and refusing it in Firebase's words.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::Refusal;
use crate::config::is_http_url;

/// Of the notification and its data together.
const MAX_PAYLOAD_BYTES: usize = 4_096;
const MAX_TTL_SECONDS: f64 = 2_419_200.0;
const MEMBERS: [&str; 11] =
    ["name", "data", "notification", "android", "androidV2", "webpush", "apns", "fcmOptions", "fid", "token", "topic"];
const TARGETS: [&str; 4] = ["fid", "token", "topic", "condition"];

/// A message with nothing wrong with it.
pub struct Notification {
    pub to: String,
    pub title: String,
    pub body: String,
    pub image: Option<String>,
    pub data: Value,
    pub send_id: String,
    pub receipt_url: Option<String>,
    pub link: Option<String>,
    pub validate_only: bool,
}

pub fn request(request: &Value) -> Result<Notification, Refusal> {
    let message = request.get("message").and_then(Value::as_object).ok_or_else(|| Refusal::field("message", "The message is not set."))?;
    for member in request.as_object().into_iter().flat_map(Map::keys) {
        known(member, &["message", "validateOnly"], "")?;
    }
    for member in message.keys() {
        known(member, &[MEMBERS.as_slice(), &["condition"]].concat(), " at 'message'")?;
    }
    let data = texts(message.get("data"), "message.data")?;
    let notification = message.get("notification").cloned().unwrap_or_default();
    let said = texts(Some(&notification).filter(|said| !said.is_null()), "message.notification")?;
    for member in said.keys() {
        known(member, &["title", "body", "image"], " at 'message.notification'")?;
    }
    options(message)?;
    let to = target(message)?;
    if notification.to_string().len() + Value::Object(data.clone()).to_string().len() > MAX_PAYLOAD_BYTES {
        return Err(Refusal::fcm(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Message is too big"));
    }
    let text = |from: &Map<String, Value>, name: &str| from.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let link = |name: &str| Some(text(&data, name)).filter(|url| is_http_url(url));
    Ok(Notification {
        to,
        title: text(&said, "title"),
        body: text(&said, "body"),
        image: Some(text(&said, "image")).filter(|url| !url.is_empty()),
        send_id: text(&data, "send_id"),
        receipt_url: link("receipt_url"),
        link: link("link"),
        data: Value::Object(data),
        validate_only: request["validateOnly"] == Value::Bool(true),
    })
}

/// To whom a request was that is refused, and its token, as far as they can be made out.
pub fn addressee(request: &Value) -> (String, String) {
    let message = &request["message"];
    let to = TARGETS.iter().find_map(|target| message[target].as_str()).unwrap_or_default();
    (to.to_owned(), message["data"]["send_id"].as_str().unwrap_or_default().to_owned())
}

fn known(member: &str, members: &[&str], place: &str) -> Result<(), Refusal> {
    if members.contains(&member) {
        return Ok(());
    }
    Err(Refusal::field("", format!("Invalid JSON payload received. Unknown name \"{member}\"{place}: Cannot find field.")))
}

/// An object whose values are all texts.
fn texts(given: Option<&Value>, place: &str) -> Result<Map<String, Value>, Refusal> {
    let Some(given) = given else { return Ok(Map::new()) };
    let object = given.as_object().ok_or_else(|| Refusal::field(place, format!("Invalid value at '{place}' (type_map)")))?;
    for (index, (_, value)) in object.iter().enumerate() {
        if !value.is_string() {
            let field = format!("{place}[{index}].value");
            return Err(Refusal::field(field.clone(), format!("Invalid value at '{field}' (TYPE_STRING), {value}")));
        }
    }
    let reserved = |key: &String| key == "from" || key == "message_type" || key.starts_with("google") || key.starts_with("gcm");
    match object.keys().find(|key| reserved(key)) {
        Some(key) => Err(Refusal::field(place, format!("Invalid data payload key: {key}"))),
        None => Ok(object.clone()),
    }
}

fn options(message: &Map<String, Value>) -> Result<(), Refusal> {
    let option = |pointer: &str| Value::Object(message.clone()).pointer(pointer).cloned();
    if let Some(ttl) = option("/android/ttl") {
        let seconds = ttl.as_str().and_then(|ttl| ttl.strip_suffix('s')).and_then(|seconds| seconds.parse::<f64>().ok());
        if !seconds.is_some_and(|seconds| (0.0..=MAX_TTL_SECONDS).contains(&seconds)) {
            return Err(Refusal::field("message.android.ttl", "Invalid value at 'message.android.ttl' (google.protobuf.Duration)"));
        }
    }
    if let Some(priority) = option("/android/priority")
        && !matches!(priority.as_str(), Some("NORMAL" | "HIGH" | "normal" | "high"))
    {
        return Err(Refusal::field("message.android.priority", "Invalid value at 'message.android.priority'"));
    }
    if let Some(link) = option("/webpush/fcmOptions/link")
        && !link.as_str().is_some_and(|link| link.starts_with("https://"))
    {
        return Err(Refusal::field("message.webpush.fcm_options.link", "The link must be HTTPS."));
    }
    for headers in ["/apns/headers", "/webpush/headers"] {
        texts(option(headers).as_ref(), headers)?;
    }
    Ok(())
}

fn target(message: &Map<String, Value>) -> Result<String, Refusal> {
    let mut given = TARGETS.iter().filter_map(|name| Some((*name, message.get(*name)?)));
    let (Some((name, target)), None) = (given.next(), given.next()) else {
        return Err(Refusal::field("message", "Recipient of the message is not set, or set more than once."));
    };
    let target = target.as_str().unwrap_or_default();
    let id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let good = match name {
        "token" => target.split_once(':').is_some_and(|(instance, rest)| !instance.is_empty() && rest.len() >= 10),
        "fid" => target.len() == 22 && id(target),
        _ => return Err(Refusal::field(format!("message.{name}"), "The sandbox has no topics.")),
    };
    if good {
        return Ok(target.to_owned());
    }
    let said = "The registration token is not a valid FCM registration token";
    Err(Refusal::fcm(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "INVALID_ARGUMENT", said))
}
