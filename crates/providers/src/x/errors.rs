//! What X's refusals mean. They are problem documents (`title`, `detail`, `type`, `status`); the last part of `type` is the code where
//! it has one, the status else. A type that we don't know is kept and judged by its status.
//!
//! Source: X's response codes and its OpenAPI description; that a repetition is worded "duplicate content" is from its documentation.

use crate::errors::{PAUSE, PERMANENT};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction, posts};
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use time::OffsetDateTime;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    r#type: String,
}

/// Types of problems with an action of their own; sorted.
#[rustfmt::skip]
pub(super) static TABLE: &[(&str, FaultAction, &str)] = &[
    ("client-forbidden", PAUSE, "the app may not use this interface"),
    ("disallowed-resource", PERMANENT, "X doesn't allow this post"),
    ("invalid-request", PERMANENT, "the request isn't valid"),
    ("not-authorized-for-resource", PAUSE, "the account lacks a permission"),
    ("oauth1-permissions", PAUSE, "the app lacks the permission to write"),
    ("resource-not-found", PERMANENT, "what the post refers to doesn't exist"),
    ("unsupported-authentication", PAUSE, "this token can't post: it must be a person's"),
    ("usage-capped", PAUSE, "the app's posts of this month are used up"),
];

/// How long a wait for a limit may be; a header that asks for more is wrong.
const RESET_MAX: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn fault(answer: &Answer) -> Fault {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    let name = problem.r#type.rsplit('/').next().filter(|_| problem.r#type.starts_with("http"));
    let name = name.filter(|name| (1..=60).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    let known = name.and_then(|name| TABLE.iter().find(|(known, ..)| *known == name));
    let fault = http_client::fault(answer, name.map(str::to_owned), None, said);
    if answer.status == StatusCode::FORBIDDEN && said.to_ascii_lowercase().contains("duplicate") {
        return Fault { code: posts::DUPLICATE.to_owned(), ..fault };
    }
    match (answer.status, known) {
        (_, Some((_, action, meaning))) => Fault { action: *action, detail: (*meaning).to_owned(), ..fault },
        (StatusCode::UNAUTHORIZED, _) => Fault { action: FaultAction::Reconnect, ..fault },
        (StatusCode::TOO_MANY_REQUESTS, _) => Fault { action: throttled(answer, fault.action), ..fault },
        _ => fault,
    }
}

/// Until the limit's window is over (`x-rate-limit-reset`, in Unix seconds), unless the answer says otherwise.
fn throttled(answer: &Answer, action: FaultAction) -> FaultAction {
    let reset = || {
        let stamp = answer.headers.get("x-rate-limit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let reset = OffsetDateTime::from_unix_timestamp(stamp).ok()?;
        Some(Duration::try_from(reset - OffsetDateTime::now_utc()).unwrap_or_default().min(RESET_MAX))
    };
    match action {
        FaultAction::Throttle { after: None } => FaultAction::Throttle { after: reset() },
        action => action,
    }
}
