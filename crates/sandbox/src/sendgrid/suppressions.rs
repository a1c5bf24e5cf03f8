//! `GET /v3/suppression/{list}`: the lists of the configuration, a page at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::sendgrid::{Refusal, authorise};

/// SendGrid's own limit, and default.
const MAX_PAGE: usize = 500;
const LISTS: [&str; 5] = ["bounces", "blocks", "spam_reports", "invalid_emails", "unsubscribes"];

#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    start_time: i64,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

pub async fn list(
    State(desk): State<Arc<Desk>>,
    Path(list): Path<String>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let active = desk.live.get();
    if let Err(refusal) = authorise(&active, &headers) {
        return refusal.into_response();
    }
    let Ok(Query(page)) = page else {
        return Refusal::bad_request("limit", "limit, offset and start_time must be whole numbers").into_response();
    };
    if !LISTS.contains(&list.as_str()) {
        return Refusal::new(axum::http::StatusCode::NOT_FOUND, None, "not found").into_response();
    }
    let limit = page.limit.unwrap_or(MAX_PAGE);
    if limit == 0 || limit > MAX_PAGE {
        return Refusal::bad_request("limit", "the limit must be at most 500").into_response();
    }
    // All of them were put on it just now.
    let created = crate::clock::unix_seconds();
    let all = active.config.mail.suppressions.get(&list).map(Vec::as_slice).unwrap_or_default();
    let rows = all.iter().filter(|_| page.start_time <= created).skip(page.offset).take(limit);
    Json(rows.map(|email| row(&list, email, created)).collect::<Vec<_>>()).into_response()
}

fn row(list: &str, email: &str, created: i64) -> Value {
    match list {
        "bounces" => json!({"created": created, "email": email, "reason": "550 5.1.1 the mailbox does not exist", "status": "5.1.1"}),
        "blocks" => json!({"created": created, "email": email, "reason": "550 5.7.1 blocked", "status": "5.7.1"}),
        "invalid_emails" => json!({"created": created, "email": email, "reason": "Mail domain mentioned in email address is unknown"}),
        "spam_reports" => json!({"created": created, "email": email, "ip": "192.0.2.1"}),
        _ => json!({"created": created, "email": email}),
    }
}
