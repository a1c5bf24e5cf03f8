//! SendGrid's `POST /v3/mail/send`.
//!
//! `check` reads and refuses, `events` makes the event webhook. A request is taken or refused as a whole; each
//! recipient of it becomes one message of the log. The suppression lists are those of the configuration; nothing is dropped for being on
//! one. Not here: templates (their id and data are logged), groups, scheduling (`send_at` is checked and ignored), SendGrid's own open and click tracking.

mod check;
pub mod events;
mod files;
pub mod suppressions;
mod wire;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::behaviour::{Fate, Ruling, Step, StepSet};
use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::{Desk, Failure, Judgement};
use crate::media_type;
use crate::message::{Channel, Message, Provider};
use crate::recipient::links;
pub use check::is_email;
use check::{Envelope, Mail};

/// The largest request, attachments included.
pub const MAX_BODY_BYTES: usize = 30 * 1024 * 1024;

/// A refusal in SendGrid's shape: one or more faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub field: Option<String>,
    pub message: String,
}

impl Refusal {
    fn new(status: StatusCode, field: Option<&str>, message: &str) -> Self {
        Refusal { status, faults: vec![Fault { field: field.map(Into::into), message: message.into() }] }
    }

    pub fn bad_request(field: &str, message: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, Some(field), message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let fault = |fault: &Fault| json!({ "message": fault.message, "field": fault.field, "help": null });
        let body = json!({ "errors": self.faults.iter().map(fault).collect::<Vec<_>>() });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
        }
        response
    }
}

pub async fn send(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    handle(&desk, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn handle(desk: &Desk, hangup: &Hangup, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Response, Refusal> {
    let active = desk.live.get();
    authorise(&active, headers)?;
    let body = body.map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, None, "content too large"))?;
    if !media_type::is(headers, media_type::JSON) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, None, "Bad Request: the content type must be application/json"));
    }
    let mail = match check::mail(&body, crate::clock::unix_seconds()) {
        Ok(mail) => mail,
        Err(refusal) => {
            count_all(desk, &check::addressees(&body)).await;
            return Err(refusal);
        }
    };
    if mail.sandbox_mode {
        return Ok(StatusCode::OK.into_response());
    }
    let recipients: Vec<&str> = mail.envelopes.iter().map(|envelope| envelope.to.as_str()).collect();
    let judged = desk.judge(&active, Channel::Email, &recipients).await;
    rule(desk, &mail, &judged).await?;
    if judged.ruling == Ruling::Lose {
        return Ok(desk.lose(judged.answer, hangup).await);
    }
    let request_id = uuid::Uuid::new_v4().simple().to_string();
    let messages = mail.envelopes.iter().enumerate().map(|(i, envelope)| {
        let mut message = message(desk, &active, &mail, envelope, &request_id, i);
        let possible = possible(&active, &message);
        desk.plan(&active, &mut message, possible, failure);
        message
    });
    desk.accept(&active, messages.collect()).await.map_err(|_| server_error())?;
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-message-id", id);
    }
    Ok(desk.finish(judged.answer, hangup, response).await)
}

async fn rule(desk: &Desk, mail: &Mail, judged: &Judgement) -> Result<(), Refusal> {
    match judged.ruling {
        Ruling::Accept | Ruling::Lose => Ok(()),
        Ruling::Throttle => Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, None, "too many requests")),
        Ruling::ServerError => Err(server_error()),
        Ruling::Refuse => {
            let mut faults = Vec::new();
            for envelope in judged.refused.iter().filter_map(|i| mail.envelopes.get(*i)) {
                desk.refuse(Channel::Email, &envelope.to, &envelope.correlation()).await;
                let message = "Does not contain a valid address.".into();
                faults.push(Fault { field: Some(format!("{}.email", envelope.place)), message });
            }
            Err(Refusal { status: StatusCode::BAD_REQUEST, faults })
        }
    }
}

async fn count_all(desk: &Desk, addressees: &[(String, String)]) {
    for (to, correlation) in addressees {
        desk.refuse(Channel::Email, to, correlation).await;
    }
}

fn server_error() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, None, "internal server error")
}

pub(in crate::sendgrid) fn authorise(active: &Active, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = given.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, None, "authorization required"));
    };
    if active.config.sendgrid.as_ref().is_some_and(|sendgrid| sendgrid.api_key == token) {
        return Ok(());
    }
    let message = "The provided authorization grant is invalid, expired, or revoked";
    Err(Refusal::new(StatusCode::UNAUTHORIZED, None, message))
}

fn message(desk: &Desk, active: &Active, mail: &Mail, envelope: &Envelope, request_id: &str, i: usize) -> Message {
    let fill = |text: &Option<String>| text.as_deref().map(|text| envelope.substitute(text));
    let html = fill(&mail.html);
    let fate = desk.fate(active, Channel::Email, &envelope.to);
    Message {
        correlation: envelope.correlation(),
        provider_message_id: request_id.to_owned(),
        message_id: Some(format!("{request_id}-{i}@sandbox.invalid")),
        subject: fill(&envelope.subject),
        text: fill(&mail.text),
        links: links::find(html.as_deref(), envelope.list_unsubscribe(), &fate),
        html,
        variables: envelope.dynamic_data.clone(),
        template: mail.template_id.clone().map(Into::into),
        custom_args: envelope.custom_args.clone(),
        categories: mail.categories.clone(),
        media: mail.files.clone(),
        ..Message::new(Provider::Sendgrid, Channel::Email, envelope.to.clone(), envelope.from.clone())
    }
}

fn failure(fate: &Fate) -> Failure {
    fate.pick("failure", &[("bounce", true), ("blocked", true), ("dropped", false)]).copied().unwrap_or(("bounce", true))
}

fn possible(active: &Active, message: &Message) -> StepSet {
    let steps = links::steps(&message.links);
    if active.config.sendgrid.as_ref().is_some_and(|sendgrid| sendgrid.webhook_url.is_some()) {
        [Step::Sent, Step::Delivered, Step::Failed].into_iter().fold(steps, StepSet::with)
    } else {
        steps
    }
}
