//! What LinkedIn's refusals mean. Its codes aren't published, so the status decides; `serviceErrorCode` is kept as the code.
//!
//! Source: FACTS as far as known: tokens live 60 days, a day's quota is reset at midnight UTC, a version that has ended is answered 426, a
//! repetition 422.

use crate::errors::{PAUSE, PERMANENT};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction, posts};
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use time::{OffsetDateTime, Time};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    message: String,
    #[serde(rename = "serviceErrorCode")]
    service_error_code: Option<u32>,
}

pub(super) fn fault(answer: &Answer) -> Fault {
    fault_at(answer, OffsetDateTime::now_utc())
}

pub(super) fn fault_at(answer: &Answer, now: OffsetDateTime) -> Fault {
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.service_error_code.filter(|code| *code > 0).map(|code| code.to_string());
    let fault = http_client::fault(answer, code, None, &body.message);
    let is_duplicate = body.message.to_ascii_lowercase().contains("duplicate");
    match answer.status {
        StatusCode::UNAUTHORIZED => Fault { action: FaultAction::Reconnect, ..fault },
        StatusCode::UNPROCESSABLE_ENTITY if is_duplicate => Fault { code: posts::DUPLICATE.to_owned(), ..fault },
        StatusCode::UPGRADE_REQUIRED => {
            let detail = "this version of the interface has ended: set a newer one as the sender's version";
            Fault { action: PAUSE, detail: detail.to_owned(), ..fault }
        }
        // What can't be found is what the post names; a wrong address would have been noticed before.
        StatusCode::NOT_FOUND if !body.message.is_empty() => Fault { action: PERMANENT, ..fault },
        StatusCode::TOO_MANY_REQUESTS => match fault.action {
            FaultAction::Throttle { after: None } => Fault { action: FaultAction::Throttle { after: until_midnight(now) }, ..fault },
            _ => fault,
        },
        _ => fault,
    }
}

/// When the day's quota is counted anew.
fn until_midnight(now: OffsetDateTime) -> Option<Duration> {
    let midnight = now.date().next_day()?.with_time(Time::MIDNIGHT).assume_utc();
    Duration::try_from(midnight - now).ok()
}
