//! `POST /sandbox/inbound`: a person writes to one of the hub's senders, in words, with media, by a button, quoting, or with a sign.
//!
//! The post to the hub is the provider's, signed. It is made at once and once: what the hub answers is told, and whoever asked may ask again.

mod meta;
mod twilio;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;

use crate::callbacks::is_loopback;
use crate::desk::Desk;
use crate::message::Channel;

const TIMEOUT: Duration = Duration::from_secs(15);

/// What a person does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writing {
    /// `twilio` or `meta`.
    provider: String,
    /// `sms` or `whatsapp`; Meta carries the latter only.
    #[serde(default = "whatsapp")]
    channel: Channel,
    /// E.164; left out for a person who hides their number, who then has a `user_id`.
    #[serde(default)]
    from: Option<String>,
    /// The provider's own id of the person.
    #[serde(default)]
    user_id: Option<String>,
    /// The sender's number, for Twilio.
    #[serde(default = "pool_number")]
    to: String,
    /// As the person calls themselves.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    text: String,
    /// The payload of a button that they press; `text` is what stands on it.
    #[serde(default)]
    button: Option<String>,
    /// A sign that they put to the message `reply_to`; Meta only.
    #[serde(default)]
    reaction: Option<String>,
    /// The provider's id of the message that they quote.
    #[serde(default)]
    reply_to: Option<String>,
    #[serde(default)]
    media: Vec<Medium>,
    /// The provider's id of this message: the same one again is a repetition.
    #[serde(default)]
    id: Option<String>,
    /// Where to post it, of this machine: for senders other than the configured one.
    #[serde(default)]
    url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Medium {
    /// `image/jpeg`.
    media_type: String,
    #[serde(default)]
    file_name: Option<String>,
    /// The provider's id of it.
    #[serde(default)]
    id: Option<String>,
}

fn whatsapp() -> Channel {
    Channel::Whatsapp
}

/// The number that the sandbox's Messaging Services send from.
fn pool_number() -> String {
    "+15005550006".to_owned()
}

/// A post as the provider makes it.
struct Post {
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub async fn write(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let writing = match serde_json::from_slice::<Writing>(&body) {
        Ok(writing) => writing,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let (id, post) = match post(&desk, &writing) {
        Ok(made) => made,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    open_window(&desk, &writing);
    match send(post).await {
        Ok(status) => Json(json!({ "id": id, "status": status.as_u16() })).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

fn post(desk: &Desk, writing: &Writing) -> Result<(String, Post), &'static str> {
    if writing.from.is_none() && writing.user_id.is_none() {
        return Err("from or user_id must be given");
    }
    if writing.from.as_deref().is_some_and(|from| !crate::twilio::is_e164(from)) {
        return Err("from must be a number in E.164");
    }
    let active = desk.live.get();
    let made = match writing.provider.as_str() {
        "twilio" => twilio::post(active.config.twilio.as_ref().ok_or("twilio is not configured")?, writing)?,
        "meta" => meta::post(active.config.meta.as_ref().ok_or("meta is not configured")?, writing)?,
        _ => return Err("provider must be twilio or meta"),
    };
    if !Url::parse(&made.1.url).is_ok_and(|url| is_loopback(&url)) {
        return Err("the sandbox has people write to this machine only");
    }
    Ok(made)
}

/// From now on the person can be answered with free text for a day.
fn open_window(desk: &Desk, writing: &Writing) {
    let active = desk.live.get();
    let account = active.config.meta.as_ref().filter(|_| writing.provider == "meta");
    let sender = account.map_or(writing.to.as_str(), |meta| meta.phone_number_id.as_str());
    for person in [&writing.from, &writing.user_id].into_iter().flatten() {
        desk.window.open(person, sender);
    }
}

async fn send(post: Post) -> reqwest::Result<StatusCode> {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build()?;
    Ok(client.post(post.url).headers(post.headers).body(post.body).send().await?.status())
}
