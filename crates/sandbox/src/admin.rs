//! The sandbox's own interface, under `/sandbox`: configuration, log, figures, reset.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::config::{Active, Config};
use crate::desk::Desk;

/// Lines of the log in one answer: unless asked, and at most.
const PAGE_LINES: usize = 1_000;
const MAX_PAGE_LINES: usize = 10_000;

pub async fn config(State(desk): State<Arc<Desk>>) -> Json<Config> {
    Json(desk.live.get().config.clone())
}

/// Replaces the whole configuration; what the body leaves out has its default.
pub async fn configure(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let config = match serde_json::from_slice::<Config>(&body) {
        Ok(config) => config,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    replace(desk, config).await
}

async fn replace(desk: Arc<Desk>, config: Config) -> Response {
    match Active::new(config) {
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Ok(active) => match desk.live.replace(active) {
            Ok(()) => config_in_force(desk).await,
            Err(error) => failed(&error),
        },
    }
}

/// Replaces who does what and what goes wrong; the accounts stay as they are.
pub async fn behave(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let behaviour = match serde_json::from_slice(&body) {
        Ok(behaviour) => behaviour,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    replace(desk.clone(), Config { behaviour, ..desk.live.get().config.clone() }).await
}

async fn config_in_force(desk: Arc<Desk>) -> Response {
    config(State(desk)).await.into_response()
}

#[derive(Deserialize)]
pub struct LogQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// Messages after a sequence number, a line each. An answer may be shorter than its limit; the last one is empty.
pub async fn log(State(desk): State<Arc<Desk>>, Query(query): Query<LogQuery>) -> Response {
    let limit = query.limit.unwrap_or(PAGE_LINES).min(MAX_PAGE_LINES);
    match desk.ledger.lines(query.after, limit).await {
        Ok(lines) => ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response(),
        Err(error) => failed(&error),
    }
}

pub async fn figures(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.ledger.figures()).into_response()
}

/// Empties the log. The configuration stays.
pub async fn reset(State(desk): State<Arc<Desk>>) -> Response {
    match desk.reset().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &std::io::Error) -> Response {
    tracing::error!(%error, "a request to the sandbox failed");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}
