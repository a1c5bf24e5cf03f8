//! Twilio's Content API, as far as it tells of templates: the list with approvals, and one template's approval. And which contents it takes.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Refusal, authorise_account};
use crate::config::Active;
use crate::config_whatsapp::Content;
use crate::desk::Desk;

const DATE: &str = "2026-01-01T00:00:00Z";

/// `GET /v1/ContentAndApprovals`
pub async fn list(State(desk): State<Arc<Desk>>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Response {
    let active = desk.live.get();
    let answer = contents(&active, &headers).map(|contents| {
        let account = account(&active);
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (size, page) = (number("PageSize").unwrap_or(50).clamp(1, 1_000), number("Page").unwrap_or(0));
        let url = |page: usize| format!("https://content.twilio.com/v1/ContentAndApprovals?PageSize={size}&Page={page}");
        let shown: Vec<Value> = contents.iter().skip(page * size).take(size).map(|content| shown(content, &account)).collect();
        let more = contents.len() > (page + 1) * size;
        let meta = json!({
            "page": page,
            "page_size": size,
            "first_page_url": url(0),
            "previous_page_url": (page > 0).then(|| url(page - 1)),
            "next_page_url": more.then(|| url(page + 1)),
            "url": url(page),
            "key": "contents",
        });
        Json(json!({ "contents": shown, "meta": meta })).into_response()
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /v1/Content/{sid}/ApprovalRequests`
pub async fn approval(State(desk): State<Arc<Desk>>, Path(sid): Path<String>, headers: HeaderMap) -> Response {
    let active = desk.live.get();
    let answer = contents(&active, &headers).and_then(|contents| {
        let found = contents.iter().find(|content| content.sid == sid).ok_or_else(|| not_found(&sid))?;
        let url = format!("https://content.twilio.com/v1/Content/{sid}/ApprovalRequests");
        Ok(Json(json!({ "sid": sid, "account_sid": account(&active), "whatsapp": approval_of(found), "url": url })).into_response())
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

fn contents<'a>(active: &'a Active, headers: &HeaderMap) -> Result<&'a [Content], Refusal> {
    authorise_account(active, headers)?;
    active.config.whatsapp.contents.as_deref().ok_or_else(|| not_found("/v1/ContentAndApprovals"))
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, 20404, &format!("The requested resource {what} was not found"))
}

fn account(active: &Active) -> String {
    active.config.twilio.as_ref().map(|twilio| twilio.account_sid.clone()).unwrap_or_default()
}

fn shown(content: &Content, account: &str) -> Value {
    json!({
        "date_created": DATE,
        "date_updated": DATE,
        "sid": content.sid,
        "account_sid": account,
        "friendly_name": content.name,
        "language": content.language,
        "variables": { "1": "name" },
        "types": { "twilio/text": { "body": "Hi {{1}}" } },
        "approval_requests": approval_of(content),
    })
}

fn approval_of(content: &Content) -> Value {
    let reason = if content.status == "rejected" { "INVALID_FORMAT" } else { "" };
    json!({
        "name": content.name,
        "category": content.category,
        "content_type": "twilio/text",
        "status": content.status,
        "rejection_reason": reason,
        "allow_category_change": true,
    })
}

/// Whether a content may be sent.
pub fn check(active: &Active, sid: &str) -> Result<(), Refusal> {
    let Some(contents) = &active.config.whatsapp.contents else { return Ok(()) };
    let status = contents.iter().find(|content| content.sid == sid).map(|content| content.status.as_str());
    let (code, message) = match status {
        Some("approved") => return Ok(()),
        Some("paused") => (63_041, "Template paused"),
        Some("disabled") => (63_042, "Template disabled"),
        Some("rejected") => (63_040, "Template Rejected"),
        _ => (63_027, "Template does not exist for a language and locale"),
    };
    Err(Refusal::bad_request(code, message))
}
