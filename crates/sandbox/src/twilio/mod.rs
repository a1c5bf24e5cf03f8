//! Twilio's Messages resource: SMS and WhatsApp.
//!
//! `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`, a form with HTTP Basic. `check` reads and refuses,
//! `callback` makes the status callbacks and the replies, `list` shows what was taken. Not here: media uploads, scheduling (`SendAt` is taken and ignored), Messaging Services beyond their id.

pub mod callback;
mod check;
pub mod content;
pub mod list;
pub mod messaging;
mod sms;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::behaviour::{Fate, Ruling, Step, StepSet};
use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::{Desk, Failure};
use crate::media_type;
use crate::message::{Channel, Message, Provider};
pub use check::is_e164;
use check::{Form, Request};

/// A refusal in Twilio's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: u32,
    pub message: String,
}

impl Refusal {
    pub fn bad_request(code: u32, message: impl Into<String>) -> Self {
        Refusal { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    fn new(status: StatusCode, code: u32, message: &str) -> Self {
        Refusal { status, code, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status.as_u16(),
        });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

pub async fn create(
    State(desk): State<Arc<Desk>>,
    Path(account): Path<String>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    handle(&desk, &account, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn handle(
    desk: &Desk,
    account: &str,
    hangup: &Hangup,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let active = desk.live.get();
    authorise(&active, account, headers)?;
    let body = body.map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, 20413, "Request entity too large"))?;
    // Of a body of another kind Twilio reads no parameter.
    let form = Form::parse(if media_type::is(headers, media_type::FORM) { &body[..] } else { &[] });
    let channel = form.channel();
    let request = match check::request(&form) {
        Ok(request) => request,
        Err(refusal) => {
            desk.refuse(channel, form.recipient(), &form.correlation()).await;
            return Err(refusal);
        }
    };
    if let Some(Err(refusal)) = request.content_sid.as_deref().map(|sid| content::check(&active, sid)) {
        desk.refuse(channel, &request.to, &request.correlation).await;
        return Err(refusal);
    }
    let stopped = channel == Channel::Sms && desk.stopped.has(channel, &request.to, request.sender());
    let judged = desk.judge(&active, channel, &[request.to.as_str()]).await;
    if judged.ruling == Ruling::Refuse || stopped {
        desk.refuse(channel, &request.to, &request.correlation).await;
    }
    if stopped {
        return Err(Refusal::bad_request(21610, "Attempt to send to unsubscribed recipient"));
    }
    match judged.ruling {
        Ruling::Accept => {}
        Ruling::Refuse => return Err(refused(&desk.fate(&active, channel, &request.to), &request)),
        Ruling::Throttle => return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, 20429, "Too Many Requests")),
        Ruling::ServerError => return Err(server_error()),
        Ruling::Lose => return Ok(desk.lose(judged.answer, hangup).await),
    }
    let mut message = request.message(channel);
    let possible = possible(&active, &message);
    desk.plan(&active, &mut message, possible, |fate| failure(fate, channel));
    if request.is_free_form_whatsapp(channel) && !desk.window.is_open(&request.to, request.sender()) {
        outside_the_window(&mut message);
    }
    if let Some(code) = sms::late_failure(channel, &request.to, !request.media.is_empty()) {
        fails(&mut message, code);
    }
    let answer = resource(account, &request, &message);
    desk.accept(&active, vec![message]).await.map_err(|_| server_error())?;
    Ok(desk.finish(judged.answer, hangup, (StatusCode::CREATED, Json(answer)).into_response()).await)
}

fn server_error() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 20500, "Internal Server Error")
}

/// Answers with the account's SID when the credentials are right.
fn authorise_account<'a>(active: &'a Active, headers: &HeaderMap) -> Result<&'a str, Refusal> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    let twilio = active.config.twilio.as_ref();
    let known = twilio.filter(|t| given.as_deref() == Some(format!("{}:{}", t.account_sid, t.auth_token).as_bytes()));
    known.map(|t| t.account_sid.as_str()).ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, 20003, "Authenticate"))
}

fn authorise(active: &Active, account: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    if authorise_account(active, headers)? == account {
        return Ok(());
    }
    let details = format!("The requested resource /2010-04-01/Accounts/{account}/Messages.json was not found");
    Err(Refusal::new(StatusCode::NOT_FOUND, 20404, &details))
}

/// What a refused recipient is told; always the same for the same recipient.
fn refused(fate: &Fate, request: &Request) -> Refusal {
    let codes: &[u32] = if request.to_whatsapp { &[21211] } else { &[21211, 21614] };
    match fate.pick("refusal", codes) {
        Some(21614) => Refusal::bad_request(21614, format!("'To' number is not a valid mobile number: {}", request.to)),
        _ => Refusal::bad_request(21211, format!("The 'To' number {} is not a valid phone number.", request.to)),
    }
}

fn failure(fate: &Fate, channel: Channel) -> Failure {
    // For good all of them: a passing one would be tried again in an hour.
    let sms = [("30005", true), ("30006", true), ("30007", true), ("30450", false)];
    let whatsapp = [("63024", true), ("63032", false)];
    let of = if channel == Channel::Sms { &sms[..] } else { &whatsapp[..] };
    fate.pick("failure", of).copied().unwrap_or(("30450", false))
}

fn possible(active: &Active, message: &Message) -> StepSet {
    let mut steps = StepSet::default();
    if message.status_callback.is_some() {
        steps = StepSet::of(&[Step::Sent, Step::Delivered, Step::Failed]);
        if message.channel == Channel::Whatsapp {
            steps = steps.with(Step::Read);
        }
    }
    let replies = active.config.twilio.as_ref().is_some_and(|t| t.inbound_url.is_some());
    if replies { steps.with(Step::Stop) } else { steps }
}

/// Free text reaches only somebody who wrote within 24 hours.
fn outside_the_window(message: &mut Message) {
    fails(message, "63016");
}

/// It was taken, and will be reported failed.
fn fails(message: &mut Message, code: &str) {
    message.fails_with = Some(code.to_owned());
    let reported = message.status_callback.is_some();
    message.plays = if reported { StepSet::of(&[Step::Failed]) } else { StepSet::default() };
}

/// The Message resource of the answer.
fn resource(account: &str, request: &Request, message: &Message) -> Value {
    let sid = &message.provider_message_id;
    let now = crate::clock::rfc2822();
    let path = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
    let service = request.messaging_service_sid.as_ref();
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": request.body.as_deref().unwrap_or_default(),
        "date_created": now,
        "date_sent": null,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": null,
        "error_message": null,
        "from": request.from,
        "messaging_service_sid": service,
        "num_media": request.media.len().to_string(),
        "num_segments": if service.is_some() { "0".into() } else { request.segments().to_string() },
        "price": null,
        "price_unit": null,
        "sid": sid,
        "status": if service.is_some() { "accepted" } else { "queued" },
        "subresource_uris": { "media": format!("{path}/Media.json") },
        "to": request.to_as_given,
        "uri": format!("{path}.json"),
    })
}

impl Request {
    fn message(&self, channel: Channel) -> Message {
        let prefix = if self.media.is_empty() { "SM" } else { "MM" };
        Message {
            correlation: self.correlation.clone(),
            provider_message_id: format!("{prefix}{}", uuid::Uuid::new_v4().simple()),
            text: self.body.clone(),
            content_sid: self.content_sid.clone(),
            variables: self.variables.clone(),
            media: self.media.clone(),
            messaging_service_sid: self.messaging_service_sid.clone(),
            status_callback: self.status_callback.clone(),
            ..Message::new(Provider::Twilio, channel, self.to.clone(), self.sender().to_owned())
        }
    }
}
