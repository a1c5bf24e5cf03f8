//! Meta's WhatsApp Cloud API: `POST /{version}/{phone_number_id}/messages`, and `/marketing_messages`, which
//! takes templates only.
//!
//! `check` reads and refuses, `webhook` makes statuses and inbound messages, `templates` knows what the configuration names, `media` takes
//! files. Not here: registering templates, throughput and pair limits. Without a list of templates any well-formed name is taken.

mod check;
pub mod decide;
pub mod media;
pub mod templates;
pub mod webhook;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::behaviour::{Fate, Ruling, Step, StepSet};
use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::{Desk, Failure};
use crate::media_type;
use crate::message::{Channel, Message, Provider};
use check::Request;

/// A refusal in the Graph API's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: u32,
    pub title: String,
    pub details: String,
}

impl Refusal {
    pub fn bad_request(code: u32, title: &str, details: impl Into<String>) -> Self {
        Refusal { status: StatusCode::BAD_REQUEST, code, title: title.into(), details: details.into() }
    }

    fn new(status: StatusCode, code: u32, title: &str, details: &str) -> Self {
        Refusal { status, ..Refusal::bad_request(code, title, details) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": {
            "message": format!("(#{}) {}", self.code, self.title),
            "type": "OAuthException",
            "code": self.code,
            "error_data": { "messaging_product": "whatsapp", "details": self.details },
            "fbtrace_id": format!("A{}", uuid::Uuid::new_v4().simple()),
        }});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub async fn messages(
    State(desk): State<Arc<Desk>>,
    Path((version, number)): Path<(String, String)>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = Call { version: &version, number: &number, templates_only: false };
    handle(&desk, &call, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

pub async fn marketing_messages(
    State(desk): State<Arc<Desk>>,
    Path((version, number)): Path<(String, String)>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = Call { version: &version, number: &number, templates_only: true };
    handle(&desk, &call, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

struct Call<'a> {
    version: &'a str,
    number: &'a str,
    templates_only: bool,
}

async fn handle(
    desk: &Desk,
    call: &Call<'_>,
    hangup: &Hangup,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let active = desk.live.get();
    authorise(&active, call, headers)?;
    let too_large = |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, 100, "Invalid parameter", "The body is too large.");
    let body = body.map_err(too_large)?;
    if !media_type::is(headers, media_type::JSON) {
        return Err(Refusal::bad_request(100, "Invalid parameter", "The body is not JSON."));
    }
    let request = match check::request(&body, call.templates_only) {
        Ok(request) => request,
        Err(refusal) => {
            let (to, correlation) = check::addressee(&body);
            desk.refuse(Channel::Whatsapp, &to, &correlation).await;
            return Err(refusal);
        }
    };
    if request.kind == "template"
        && let Err(refusal) = templates::check(&active, &request.content, call.templates_only)
    {
        // A message that the sender is told to send elsewhere isn't lost.
        if !matches!(refusal.code, 131_055 | 131_063) {
            desk.refuse(Channel::Whatsapp, &request.to, &request.correlation).await;
        }
        return Err(refusal);
    }
    let judged = desk.judge(&active, Channel::Whatsapp, &[request.to.as_str()]).await;
    match judged.ruling {
        Ruling::Accept => {}
        Ruling::Refuse => {
            desk.refuse(Channel::Whatsapp, &request.to, &request.correlation).await;
            let details = "The recipient is blocked by the business and cannot be sent messages.";
            return Err(Refusal::bad_request(130_403, "Message undeliverable", details));
        }
        Ruling::Throttle => {
            let details = "Cloud API message throughput has been reached.";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, 130_429, "Rate limit hit", details));
        }
        Ruling::ServerError => return Err(server_error()),
        Ruling::Lose => return Ok(desk.lose(judged.answer, hangup).await),
    }
    let mut message = request.message(call.number);
    desk.plan(&active, &mut message, possible(&active), failure);
    if request.kind != "template" && !desk.window.is_open(&request.to, call.number) {
        outside_the_window(&active, &mut message);
    }
    let answer = accepted(&request, &message);
    desk.accept(&active, vec![message]).await.map_err(|_| server_error())?;
    Ok(desk.finish(judged.answer, hangup, Json(answer).into_response()).await)
}

fn server_error() -> Refusal {
    let details = "Message failed to send due to an unknown error. Try again later.";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 131_000, "Something went wrong", details)
}

/// Whether the token is the account's, and the version one of theirs.
fn authorise_token(active: &Active, version: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    if given.is_none() || active.config.meta.as_ref().map(|meta| meta.access_token.as_str()) != given {
        let details = "The access token could not be validated.";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, 190, "Invalid OAuth access token", details));
    }
    let parts = version.strip_prefix('v').and_then(|v| v.split_once('.'));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.is_some_and(|(major, minor)| numeric(major) && numeric(minor)) {
        let details = format!("Unknown path components: /{version}");
        return Err(Refusal::bad_request(2_500, "Unknown path components", details));
    }
    Ok(())
}

fn authorise(active: &Active, call: &Call, headers: &HeaderMap) -> Result<(), Refusal> {
    authorise_token(active, call.version, headers)?;
    if active.config.meta.as_ref().is_none_or(|meta| call.number != meta.phone_number_id) {
        let details = format!("Object with ID '{}' does not exist or cannot be loaded.", call.number);
        return Err(Refusal::bad_request(100, "Unsupported post request", details));
    }
    Ok(())
}

fn failure(fate: &Fate) -> Failure {
    fate.pick("failure", &[("131026", false), ("130472", false)]).copied().unwrap_or(("131026", false))
}

fn possible(active: &Active) -> StepSet {
    if active.config.meta.as_ref().is_some_and(|meta| meta.webhook_url.is_some()) {
        StepSet::of(&[Step::Sent, Step::Delivered, Step::Failed, Step::Read, Step::Stop])
    } else {
        StepSet::default()
    }
}

/// What is not a template reaches only somebody who wrote within 24 hours.
fn outside_the_window(active: &Active, message: &mut Message) {
    message.fails_with = Some("131047".into());
    message.plays = StepSet::of(&[Step::Failed]).only(possible(active));
}

fn accepted(request: &Request, message: &Message) -> Value {
    let mut contact = json!({ "input": request.to_as_given });
    // Whoever hides their number is known by their user id alone.
    if let Some(digits) = request.to.strip_prefix('+') {
        contact["wa_id"] = json!(digits);
    } else {
        contact["user_id"] = json!(request.to);
    }
    json!({
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{ "id": message.provider_message_id, "message_status": "accepted" }],
    })
}

impl Request {
    fn message(&self, phone_number_id: &str) -> Message {
        Message {
            correlation: self.correlation.clone(),
            provider_message_id: format!("wamid.{}", uuid::Uuid::new_v4().simple().to_string().to_uppercase()),
            text: self.text.clone(),
            template: Some(self.content.clone()),
            ..Message::new(Provider::Meta, Channel::Whatsapp, self.to.clone(), phone_number_id.to_owned())
        }
    }
}
