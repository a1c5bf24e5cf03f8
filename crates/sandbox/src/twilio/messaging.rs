//! The host of Messaging Services: `GET /v1/Services`, `GET /v1/Services/{Sid}`, and the files of numbers that carriers have taken back,
//! `GET /v1/Deactivations`, which redirects to a file that needs no credentials.
//!
//! Every well-formed Service exists. The numbers are those of the configuration, the same every day.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Refusal, authorise, check::is_sid};
use crate::desk::Desk;

const HOST: &str = "https://messaging.twilio.com";
/// The one Service that a list shows.
const LISTED: &str = "MG00000000000000000000000000000001";

/// `GET /v1/Services`
pub async fn services(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    let answer = || {
        let account = account(&desk, &headers)?;
        let url = format!("{HOST}/v1/Services?PageSize=50&Page=0");
        let meta = json!({
            "first_page_url": url, "url": url, "key": "services", "page": 0, "page_size": 50,
            "next_page_url": null, "previous_page_url": null,
        });
        Ok::<_, Refusal>(Json(json!({ "services": [resource(&account, LISTED)], "meta": meta })).into_response())
    };
    answer().unwrap_or_else(IntoResponse::into_response)
}

/// `GET /v1/Services/{Sid}`
pub async fn service(State(desk): State<Arc<Desk>>, Path(sid): Path<String>, headers: HeaderMap) -> Response {
    let answer = || {
        let account = account(&desk, &headers)?;
        if !is_sid(&sid, "MG") {
            return Err(Refusal::new(StatusCode::NOT_FOUND, 20404, &format!("The requested resource /Services/{sid} was not found")));
        }
        Ok(Json(resource(&account, &sid)).into_response())
    };
    answer().unwrap_or_else(IntoResponse::into_response)
}

/// `GET /v1/Deactivations?Date=`
pub async fn deactivations(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = || {
        account(&desk, &headers)?;
        let query = query.unwrap_or_default();
        let date = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "Date").map(|(_, date)| date.into_owned());
        let date = date.filter(|date| is_day(date)).ok_or_else(|| Refusal::bad_request(20001, "Invalid parameter Date"))?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let file = format!("http://{host}/sandbox/deactivations/{date}");
        let body = Json(json!({ "redirect_to": file }));
        Ok::<_, Refusal>((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, file)], body).into_response())
    };
    answer().unwrap_or_else(IntoResponse::into_response)
}

/// A day's file: a number a line.
pub async fn file(State(desk): State<Arc<Desk>>, Path(date): Path<String>) -> Response {
    if !is_day(&date) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let active = desk.live.get();
    let numbers = active.config.twilio.as_ref().map(|twilio| twilio.deactivated_numbers.join("\n")).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], numbers).into_response()
}

/// The account whose credentials came along.
fn account(desk: &Desk, headers: &HeaderMap) -> Result<String, Refusal> {
    let active = desk.live.get();
    let account = active.config.twilio.as_ref().map(|twilio| twilio.account_sid.clone()).unwrap_or_default();
    authorise(&active, &account, headers)?;
    Ok(account)
}

fn is_day(text: &str) -> bool {
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(text.split('-').collect::<Vec<_>>()[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

fn resource(account: &str, sid: &str) -> Value {
    let url = format!("{HOST}/v1/Services/{sid}");
    json!({
        "sid": sid,
        "account_sid": account,
        "friendly_name": "Sandbox texts",
        "date_created": "2026-01-01T00:00:00Z",
        "date_updated": "2026-01-01T00:00:00Z",
        "inbound_request_url": null,
        "inbound_method": "POST",
        "fallback_url": null,
        "fallback_method": "POST",
        "status_callback": null,
        "sticky_sender": true,
        "mms_converter": true,
        "smart_encoding": false,
        "scan_message_content": "inherit",
        "fallback_to_long_code": false,
        "area_code_geomatch": true,
        "synchronous_validation": false,
        "validity_period": 36_000,
        "url": url,
        "links": { "phone_numbers": format!("{url}/PhoneNumbers"), "channel_senders": format!("{url}/ChannelSenders") },
        "usecase": "marketing",
        "us_app_to_person_registered": false,
        "use_inbound_webhook_on_number": false,
    })
}
