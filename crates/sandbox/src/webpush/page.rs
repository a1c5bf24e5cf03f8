//! `GET /push/`: a page that makes a real browser a device, and shows what its notifications say.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::desk::Desk;

const POLICY: &str = "default-src 'self'; img-src 'self' https: http: data:; connect-src 'self' https: http:; style-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub async fn page() -> Response {
    asset("text/html; charset=utf-8", include_str!("page.html"))
}

pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("page.js"))
}

/// The service worker, whose scope is `/push/`.
pub async fn worker() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("sw.js"))
}

/// What a browser subscribes with.
pub async fn config(State(desk): State<Arc<Desk>>) -> Response {
    let active = desk.live.get();
    let key = active.config.webpush.as_ref().map(|webpush| webpush.vapid_public_key.clone());
    Json(json!({ "vapid_public_key": key })).into_response()
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, text).into_response()
}
