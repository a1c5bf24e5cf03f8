//! The page for people: what arrived, and each message as its recipient sees it.
//!
//! `html` holds the frame and the escaping, `list` and `detail` the two views. The list shows the latest 5,000
//! messages; the log has all of them. Looking at a message is not opening it: its HTML is shown without
//! scripts and without anything from the network, so the hub's pixel is not fetched.

mod detail;
mod html;
mod list;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use crate::desk::Desk;
use crate::message::Channel;

const PAGE_MESSAGES: usize = 50;

/// For pages of our own.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// For somebody else's HTML: no scripts, no forms, no network.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

/// `GET /?channel=&q=&page=`
pub async fn list(State(desk): State<Arc<Desk>>, Query(query): Query<ListQuery>) -> Response {
    let channel = Channel::ALL.into_iter().find(|channel| channel.as_str() == query.channel);
    let words = query.q.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let (messages, has_more) = desk.ledger.recent(
        |message| {
            let here = channel.is_none_or(|channel| channel == message.channel);
            let has = |word: &&str| message.to.contains(*word) || message.title.to_lowercase().contains(*word);
            here && words.iter().all(has)
        },
        query.page.saturating_mul(PAGE_MESSAGES),
        PAGE_MESSAGES,
    );
    let view = list::View { figures: desk.ledger.figures(), messages, has_more, channel, q: &query.q, page: query.page };
    page(view.render())
}

/// `GET /m/{seq}`
pub async fn detail(State(desk): State<Arc<Desk>>, Path(seq): Path<u64>) -> Response {
    match desk.ledger.message(seq).await {
        Ok(Some(logged)) => page(detail::render(&logged, desk.ledger.done(seq))),
        Ok(None) => (StatusCode::NOT_FOUND, page(html::frame("Not found", "<p>There is no such message.</p>"))).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot read the log");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `GET /m/{seq}/html`: an e-mail's own HTML, for the frame in the detail view.
pub async fn mail(State(desk): State<Arc<Desk>>, Path(seq): Path<u64>) -> Response {
    match desk.ledger.message(seq).await {
        Ok(Some(logged)) => with_policy(MAIL_POLICY, Html(logged.message.html.unwrap_or_default())),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `GET /picture.jpg`: something to put into a post where there is no network.
pub async fn picture() -> Response {
    const PICTURE: &[u8] = include_bytes!("picture.jpg");
    ([(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))], PICTURE).into_response()
}

fn page(html: String) -> Response {
    with_policy(POLICY, Html(html))
}

fn with_policy(policy: &'static str, html: Html<String>) -> Response {
    const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, html).into_response()
}
