//! Firebase Cloud Messaging: `POST /v1/projects/{project}/messages:send`, and Google's token endpoint (`token`).
//!
//! A device is any well-formed token or installation id; those of `/sandbox/devices` are. It tells what it does with a notification at the
//! `receipt_url` in its data, as the hub's apps do: Firebase itself reports nothing, so a message that fails is only never told of. Not
//! here: topics and conditions, and what Firebase does with a message that the device never fetches.

mod check;
pub mod token;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::behaviour::{Ruling, Step, StepSet};
use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::media_type;
use crate::message::{Channel, Links, Message, Provider};
use check::Notification;

/// A refusal in the shape of `google.rpc.Status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    http: StatusCode,
    status: &'static str,
    message: String,
    /// What the details hold: Firebase's own code, or the field at fault.
    detail: Option<Detail>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Detail {
    Fcm(&'static str),
    Field(String),
}

impl Refusal {
    fn fcm(http: StatusCode, status: &'static str, code: &'static str, message: &str) -> Self {
        Refusal { http, status, message: message.into(), detail: Some(Detail::Fcm(code)) }
    }

    fn plain(http: StatusCode, status: &'static str, message: &str) -> Self {
        Refusal { http, status, message: message.into(), detail: None }
    }

    fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let detail = Some(Detail::Field(field.into()));
        Refusal { http: StatusCode::BAD_REQUEST, status: "INVALID_ARGUMENT", message: message.into(), detail }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let details = match &self.detail {
            None => json!([]),
            Some(Detail::Fcm(code)) => {
                json!([{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code }])
            }
            Some(Detail::Field(field)) => json!([{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": field, "description": self.message }],
            }]),
        };
        let error = json!({ "code": self.http.as_u16(), "message": self.message, "status": self.status, "details": details });
        let mut response = (self.http, Json(json!({ "error": error }))).into_response();
        if self.http == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub async fn send(
    State(desk): State<Arc<Desk>>,
    Path(project): Path<String>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    handle(&desk, &project, &hangup, &headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn handle(
    desk: &Desk,
    project: &str,
    hangup: &Hangup,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let active = desk.live.get();
    authorise(&active, project, headers)?;
    let body =
        body.map_err(|_| Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_ARGUMENT", "Request payload size exceeds the limit."))?;
    if !media_type::is(headers, media_type::JSON) {
        return Err(Refusal::field("", "Unknown content type, application/json is expected."));
    }
    let request: Value =
        serde_json::from_slice(&body).map_err(|error| Refusal::field("", format!("Invalid JSON payload received. {error}")))?;
    let notification = match check::request(&request) {
        Ok(notification) => notification,
        Err(refusal) => {
            let (to, send_id) = check::addressee(&request);
            desk.refuse(Channel::Push, &to, &send_id).await;
            return Err(refusal);
        }
    };
    if notification.validate_only {
        return Ok(Json(json!({ "name": format!("projects/{project}/messages/fake_message_id") })).into_response());
    }
    let judged = desk.judge(&active, Channel::Push, &[notification.to.as_str()]).await;
    match judged.ruling {
        Ruling::Accept => {}
        Ruling::Refuse => {
            desk.refuse(Channel::Push, &notification.to, &notification.send_id).await;
            return Err(Refusal::fcm(StatusCode::NOT_FOUND, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."));
        }
        Ruling::Throttle => {
            return Err(Refusal::fcm(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded."));
        }
        Ruling::ServerError => return Err(server_error()),
        Ruling::Lose => return Ok(desk.lose(judged.answer, hangup).await),
    }
    let name = format!("projects/{project}/messages/0:{}", uuid::Uuid::new_v4().simple());
    let mut message = message(project, &name, notification);
    let possible = possible(&message);
    // A device that doesn't show it says nothing: there is no failure to report.
    desk.plan(&active, &mut message, possible, |_| ("never_shown", false));
    desk.accept(&active, vec![message]).await.map_err(|_| server_error())?;
    Ok(desk.finish(judged.answer, hangup, Json(json!({ "name": name })).into_response()).await)
}

fn server_error() -> Refusal {
    Refusal::fcm(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "INTERNAL", "Internal error encountered.")
}

fn authorise(active: &Active, project: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let known = given.is_some_and(|given| token::is_good(active, given, crate::clock::unix_seconds()));
    if !known {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token.";
        return Err(Refusal::plain(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message));
    }
    if active.config.fcm.as_ref().is_some_and(|fcm| fcm.project_id == project) {
        return Ok(());
    }
    let message = "Permission 'cloudmessaging.messages.create' denied on resource (or it may not exist).";
    Err(Refusal::plain(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message))
}

fn message(project: &str, name: &str, notification: Notification) -> Message {
    Message {
        correlation: notification.send_id,
        provider_message_id: name.to_owned(),
        subject: Some(notification.title).filter(|title| !title.is_empty()),
        text: Some(notification.body).filter(|body| !body.is_empty()),
        media: notification.image.into_iter().collect(),
        variables: Some(notification.data),
        status_callback: notification.receipt_url,
        links: Links { click: notification.link, ..Links::default() },
        ..Message::new(Provider::Fcm, Channel::Push, notification.to, project.to_owned())
    }
}

/// What a device can do with it.
pub fn possible(message: &Message) -> StepSet {
    let told = if message.status_callback.is_some() { StepSet::of(&[Step::Delivered, Step::Read]) } else { StepSet::default() };
    if message.links.click.is_some() { told.with(Step::Click) } else { told }
}
