//! What the browser shows when it comes back: a sentence, without script, style or anything that was sent along.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

pub(super) fn connected() -> Response {
    page(StatusCode::OK, "Connected", "The network said yes. Go back to Fanfare and choose the account; this page can be closed.")
}

pub(super) fn refused() -> Response {
    page(StatusCode::OK, "Not connected", "The network gave no permission. Go back to Fanfare to see why, or to try again.")
}

/// Of no attempt that is known, or of one that was used before.
pub(super) fn strange() -> Response {
    page(StatusCode::NOT_FOUND, "Not connected", "This address is no longer good. Go back to Fanfare and begin again.")
}

pub(super) fn broken() -> Response {
    page(StatusCode::SERVICE_UNAVAILABLE, "Not connected", "Something went wrong here. Go back to Fanfare and begin again.")
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let head = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">";
    let html = format!("{head}<title>{title}</title><h1>{title}</h1><p>{text}</p></html>");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, html).into_response()
}
