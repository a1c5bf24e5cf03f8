//! What an app or a browser tells of a notification: that it was shown, or opened.
//!
//! The token names the delivery; who has it can say no more than these two things of it. A click goes through its link, as everywhere.

use crate::{App, links, pages::Form, problem::Problem};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::event::FactKind;

/// `event=delivered` is 15.
const MAX_BODY_BYTES: usize = 1 << 10;
/// A service worker of any site may tell; there is nothing to read in the answer.
pub(crate) fn any_origin() -> (HeaderName, HeaderValue) {
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
}

/// The body is the word `delivered` or `opened`, as plain text, as the field `event` of a form, or as that member of a JSON object. Telling
/// it again changes nothing.
pub(crate) async fn tell(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Result<Response, Problem> {
    let delivery = app.links.read_receipt(&token).ok_or(Problem::NotFound)?;
    let Some(kind) = kind(&body) else {
        let said = "the body must be delivered or opened";
        return Ok((StatusCode::BAD_REQUEST, [any_origin()], said).into_response());
    };
    // A test's message is counted nowhere.
    if delivery.0 > 0 {
        links::record(&app, kind, delivery, &format!("receipt/{delivery}/{}", kind.as_str_name())).await;
    }
    Ok((StatusCode::NO_CONTENT, [any_origin()]).into_response())
}

fn kind(body: &[u8]) -> Option<FactKind> {
    if body.len() > MAX_BODY_BYTES {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    let member = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|json| Some(json.get("event")?.as_str()?.to_owned()));
    let form = Form::read(body);
    let word = match (&member, form.get("event")) {
        (Some(word), _) => word.as_str(),
        (None, "") => text,
        (None, word) => word,
    };
    match word {
        "delivered" => Some(FactKind::Delivered),
        "opened" => Some(FactKind::Opened),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_words_are_read_however_they_are_written() {
        for body in ["delivered", " delivered\n", "event=delivered", r#"{"event":"delivered"}"#] {
            assert_eq!(kind(body.as_bytes()), Some(FactKind::Delivered), "{body}");
        }
        assert_eq!(kind(b"opened"), Some(FactKind::Opened));
        let long = "x".repeat(MAX_BODY_BYTES + 1);
        for body in ["", "clicked", "event=failed", r#"{"event":1}"#, r#"["delivered"]"#, long.as_str()] {
            assert_eq!(kind(body.as_bytes()), None, "{body}");
        }
        assert_eq!(kind(b"\xff"), None);
    }
}
