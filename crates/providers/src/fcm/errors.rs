//! What Firebase's refusals mean for a message, its device and its sender.
//!
//! The code in an answer's FcmError detail decides; without one, the canonical status (`google.rpc.Code`) does. INVALID_ARGUMENT alone says
//! both "this is no token" and "your request is wrong", too big a message among it: only one that names the token is about the token.
//! Source: the ErrorCode reference and the "FCM error codes" page; that UNREGISTERED_FID comes with 404 is not confirmed.

use super::wire;
use crate::errors::{INVALID, PAUSE, PERMANENT, RETRY, Row, retry_once, row, throttle_for};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction};

/// By Firebase's code, in order. The number is the HTTP status that it comes with, 0 where none is documented.
#[rustfmt::skip]
pub(super) static CODES: &[(&str, Row)] = &[
    ("INTERNAL",               row(500, RETRY, "Firebase had an error of its own")),
    ("INVALID_ARGUMENT",       row(400, INVALID, "the device's token is no token of Firebase's")),
    ("QUOTA_EXCEEDED",         row(429, throttle_for(60), "too many messages for the project or the device")),
    ("SENDER_ID_MISMATCH",     row(403, INVALID, "the device belongs to another Firebase project")),
    ("THIRD_PARTY_AUTH_ERROR", row(401, PAUSE, "the APNs key or the web push key in the Firebase project is wrong")),
    ("UNAVAILABLE",            row(503, RETRY, "Firebase is overloaded")),
    ("UNREGISTERED",           row(404, INVALID, "the app is gone from the device")),
    ("UNREGISTERED_FID",       row(404, INVALID, "the app is gone from the device")),
    ("UNSPECIFIED_ERROR",      row(0, retry_once(60), "Firebase says no more than that it failed")),
];

/// By canonical status, where there is no code.
#[rustfmt::skip]
static STATUSES: &[(&str, Row)] = &[
    ("INVALID_ARGUMENT",   row(400, PERMANENT, "the request is not valid")),
    ("NOT_FOUND",          row(404, PAUSE, "the Firebase project is not there: check project_id")),
    ("PERMISSION_DENIED",  row(403, PAUSE, "the service account may not send for this Firebase project")),
    ("RESOURCE_EXHAUSTED", row(429, throttle_for(60), "too many messages for the project")),
    ("UNAUTHENTICATED",    row(401, PAUSE, "the service account's access token is refused")),
];

fn find(table: &'static [(&str, Row)], code: &str) -> Option<&'static Row> {
    table.binary_search_by_key(&code, |(known, _)| *known).ok().map(|index| &table[index].1)
}

pub(super) fn fault(answer: &Answer) -> Fault {
    let error = wire::error(answer);
    let code = error.fcm_code().filter(|code| *code != "INVALID_ARGUMENT" || error.names_target());
    let (code, known) = match code {
        Some(code) => (code, find(CODES, code)),
        None => (error.status.as_str(), find(STATUSES, &error.status)),
    };
    let code = Some(code.to_owned()).filter(|code| !code.is_empty());
    http_client::fault(answer, code, known, &error.message)
}

/// Whether Firebase says for certain that it took nothing and asks to come again: what other servers' 503 doesn't say.
pub(super) fn is_overloaded(answer: &Answer) -> bool {
    wire::error(answer).fcm_code() == Some("UNAVAILABLE")
}

/// What follows from a code, where nothing but the code is known.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    find(CODES, code).map(|row| row.action)
}
