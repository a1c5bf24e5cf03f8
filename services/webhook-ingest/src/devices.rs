//! Browsers and apps that register themselves, by a link that names whose they are.
//!
//! What they say of themselves is looked over as in the API ([`providers::registration`]), and applied by campaign-api.

use crate::{App, commit::ANSWER_WITHIN, now, problem::Problem, receipts::any_origin};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Channel, content::Locale, facts::key, link::DeviceLink};
use proto::event::{Inbound, NewDevice};
use providers::{
    DeviceKind,
    registration::{self, Registration},
};
use runtime::traceparent;
use serde::Deserialize;
use store::sender::Sender;
use tokio::time::timeout;

/// More than any subscription has.
const MAX_BODY_BYTES: usize = 16 << 10;
const MAX_PLATFORM: usize = 50;

/// A subscription as browsers write it (`PushSubscription.toJSON()`), or a Firebase app's own names. Other members are left alone.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Posted {
    endpoint: String,
    keys: Keys,
    token: String,
    fid: String,
    platform: String,
    locale: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// What a browser asks before it posts JSON from another site's page.
pub(crate) async fn preflight() -> Response {
    let allowed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = [
        any_origin(),
        allowed(header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        allowed(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        allowed(header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Registers a device: JSON, whatever its content type says. It is durable once answered, and takes effect within moments. Registering it
/// again brings it up to date.
pub(crate) async fn register(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Response {
    let answered = take(&app, &token, &body).await;
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    let (name, value) = any_origin();
    response.headers_mut().insert(name, value);
    response
}

async fn take(app: &App, token: &str, body: &[u8]) -> Result<Response, Problem> {
    app.commits.admit()?;
    let link = app.links.read_device(token, now()).ok_or(Problem::NotFound)?;
    let said = |text: &'static str| Ok((StatusCode::BAD_REQUEST, text).into_response());
    let (device, posted) = match read(body) {
        Ok(read) => read,
        Err(problem) => return said(problem),
    };
    let sender = sender(app, link).await?.ok_or(Problem::NotFound)?;
    if !providers::find(&sender.provider).is_some_and(|provider| provider.devices.contains(&device.kind)) {
        return said("the app that the link is for has no such devices");
    }
    app.commits.commit(Vec::new(), vec![message(link, &sender, device, posted)]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The app; None when there is none any more.
async fn sender(app: &App, link: DeviceLink) -> Result<Option<Sender>, Problem> {
    let find = async { store::sender::find(&mut *app.db.acquire().await?, link.sender_id).await };
    let unavailable = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "the app of a device could not be read");
        Problem::Unavailable
    };
    let found = timeout(ANSWER_WITHIN, find).await.map_err(|late| unavailable(&late))?;
    let found: Option<Sender> = found.map_err(|error: store::Error| unavailable(&error))?;
    Ok(found.filter(|sender| sender.channel == Channel::Push))
}

fn read(body: &[u8]) -> Result<(Registration, Posted), &'static str> {
    let unread = "the body must be a subscription as browsers write it, or a JSON object with token or fid, of at most 16 KiB";
    let posted: Posted = (body.len() <= MAX_BODY_BYTES).then(|| serde_json::from_slice(body).ok()).flatten().ok_or(unread)?;
    let (kind, target) = match (posted.endpoint.as_str(), posted.token.as_str(), posted.fid.as_str()) {
        (endpoint, "", "") if !endpoint.is_empty() => (DeviceKind::WebPush, endpoint),
        ("", token, "") if !token.is_empty() => (DeviceKind::Token, token),
        ("", "", fid) if !fid.is_empty() => (DeviceKind::Fid, fid),
        _ => return Err(unread),
    };
    let device = registration::read(kind, target, &posted.keys.p256dh, &posted.keys.auth);
    let device = device.map_err(|problems| problems.first().map_or(unread, |problem| problem.remedy))?;
    if posted.platform.chars().count() > MAX_PLATFORM || posted.platform.chars().any(char::is_control) {
        return Err("platform must be at most 50 characters");
    }
    if !posted.locale.is_empty() && Locale::parse(&posted.locale).is_none() {
        return Err("locale must be a language such as ar or pt-BR");
    }
    Ok((device, posted))
}

fn message(link: DeviceLink, sender: &Sender, device: Registration, posted: Posted) -> Inbound {
    let occurred_at_ms = outbox::millis(now());
    let keys = device.keys.map(|keys| (keys.p256dh.to_vec(), keys.auth.to_vec()));
    let (p256dh, auth) = keys.unwrap_or_default();
    Inbound {
        key: key(&format!("device/{}/{}/{occurred_at_ms}", link.sender_id, device.target)).to_vec(),
        workspace_id: sender.workspace_id.to_string(),
        sender_id: link.sender_id.to_string(),
        contact_id: link.contact_id.to_string(),
        channel: Channel::Push.to_string(),
        source: "device".to_owned(),
        occurred_at_ms,
        traceparent: tracing::info_span!("webhook_ingest.device.register").in_scope(traceparent::current),
        new_device: Some(NewDevice {
            kind: device.kind.as_str().to_owned(),
            target: device.target,
            p256dh,
            auth,
            platform: posted.platform,
            locale: posted.locale,
        }),
        ..Inbound::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_read_as_browsers_write_them() {
        let subscription = br#"{"endpoint":"https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV","expirationTime":null,"keys":{
            "p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}"#;
        assert_eq!(read(subscription).unwrap().0.kind, DeviceKind::WebPush);
        assert_eq!(read(br#"{"token":"bk3RNwTe3H0:CI2k_HHwgIpo","platform":"ios"}"#).unwrap().0.kind, DeviceKind::Token);
        assert_eq!(read(br#"{"fid":"cIBVrLH0QSa1XUV9q0GeLz"}"#).unwrap().0.kind, DeviceKind::Fid);
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            r#"{"endpoint":""}"#,
            r#"{"endpoint":"https://push.example.net/x"}"#,
            r#"{"token":"bk3RNwTe3H0:CI2k_HHwgIpo","fid":"cIBVrLH0QSa1XUV9q0GeLz"}"#,
            r#"{"token":"bk3RNwTe3H0:CI2k_HHwgIpo","locale":"?"}"#,
            r#"{"endpoint":"http://169.254.169.254/x","keys":{}}"#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
