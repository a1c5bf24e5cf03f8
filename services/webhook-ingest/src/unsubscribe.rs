//! The unsubscribe link: GET shows a page and changes nothing, because scanners follow links; POST unsubscribes at once (RFC 8058),
//! from the mail program's own button or from the page's.

use crate::{App, form, problem::Problem};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::facts::key;
use proto::event::{Fact, FactKind, Inbound, InboundIntent};
use runtime::traceparent;

/// More than any mail program sends.
const MAX_FORM_BYTES: usize = 16 << 10;

pub(crate) async fn page(State(app): State<App>, Path(token): Path<String>) -> Response {
    match app.links.read_unsubscribe(&token) {
        Some(_) => html(StatusCode::OK, "Unsubscribe", ASK),
        None => unknown(),
    }
}

/// Answers with 200 whether it is new or was done before, and never with a redirect. The opt-out is durable by then; it takes effect
/// within moments, and at the latest when the next message to that person is about to leave.
pub(crate) async fn unsubscribe(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(delivery) = app.links.read_unsubscribe(&token) else { return unknown() };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.len() > MAX_FORM_BYTES || !form::is_one_click(content_type, &body) {
        return html(StatusCode::BAD_REQUEST, "Not understood", NOT_UNDERSTOOD);
    }
    let traceparent = tracing::info_span!("webhook_ingest.link.unsubscribe").in_scope(traceparent::current);
    let occurred_at_ms = outbox::millis(crate::now());
    let stop = Inbound {
        key: key(&format!("unsubscribe/{delivery}")).to_vec(),
        delivery_id: delivery.0,
        intent: InboundIntent::Stop.into(),
        source: "one_click".to_owned(),
        occurred_at_ms,
        traceparent: traceparent.clone(),
        ..Inbound::default()
    };
    let fact = Fact {
        key: key(&format!("unsubscribed/{delivery}")).to_vec(),
        kind: FactKind::Unsubscribed.into(),
        delivery_id: delivery.0,
        occurred_at_ms,
        traceparent,
        ..Fact::default()
    };
    match app.commits.commit_always(vec![fact], vec![stop]).await {
        Ok(()) => html(StatusCode::OK, "Unsubscribed", DONE),
        Err(error) => {
            tracing::warn!(%error, "an unsubscribe could not be stored");
            Problem::from(error).into_response()
        }
    }
}

fn unknown() -> Response {
    html(StatusCode::NOT_FOUND, "Link not valid", UNKNOWN)
}

const ASK: &str = "<p>You will get no more messages like the one that brought you here.</p>\
<form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
<button type=\"submit\">Unsubscribe</button></form>";
const DONE: &str = "<p>You are unsubscribed. You may close this page.</p>";
const NOT_UNDERSTOOD: &str = "<p>Nothing has changed. Please use the button on the page that the link in the message shows.</p>";
const UNKNOWN: &str = "<p>This link is not complete. Please copy all of it from the message.</p>";

/// A page without scripts, pictures or anything from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn html(status: StatusCode, title: &str, body: &'static str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}}\
         button{{font:inherit;padding:.5rem 1.25rem}}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (status, headers, page).into_response()
}
