//! Real browsers that have opened `/push/` and have no push service of their own within reach: they keep their keys, subscribe here, and
//! fetch what was encrypted for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::desk::Desk;

const MAX_BROWSERS: usize = 1_000;
/// Messages kept for one browser; the oldest go first.
const MAX_WAITING: usize = 20;

#[derive(Default)]
struct Browser {
    /// The number of the newest message.
    newest: u64,
    waiting: VecDeque<(u64, Vec<u8>)>,
}

/// Those that have subscribed, by the ends of their endpoints; the oldest go first.
#[derive(Default)]
pub struct Browsers(Mutex<BTreeMap<String, Browser>>);

impl Browsers {
    /// Keeps a message; false when there is no such subscription.
    pub fn put(&self, subscription: &str, body: &[u8]) -> bool {
        let mut browsers = self.lock();
        let Some(browser) = browsers.get_mut(subscription) else { return false };
        browser.newest += 1;
        if browser.waiting.len() >= MAX_WAITING {
            browser.waiting.pop_front();
        }
        browser.waiting.push_back((browser.newest, body.to_vec()));
        true
    }

    pub fn has(&self, subscription: &str) -> bool {
        self.lock().contains_key(subscription)
    }

    fn add(&self) -> String {
        // In the order in which they were made.
        let id = uuid::Uuid::now_v7().simple().to_string();
        let mut browsers = self.lock();
        if browsers.len() >= MAX_BROWSERS {
            browsers.pop_first();
        }
        browsers.insert(id.clone(), Browser::default());
        id
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Browser>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /push/subscriptions`: a new subscription, whose keys the browser keeps.
pub async fn subscribe(State(desk): State<Arc<Desk>>, headers: HeaderMap, _nothing: Bytes) -> Response {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return StatusCode::BAD_REQUEST.into_response() };
    let id = desk.browsers.add();
    Json(json!({ "id": id, "endpoint": format!("http://{host}/push/{id}") })).into_response()
}

#[derive(Deserialize)]
pub struct After {
    #[serde(default)]
    after: u64,
}

/// `GET /push/subscriptions/{id}?after=`: what has come since, still encrypted, in base64.
pub async fn fetch(State(desk): State<Arc<Desk>>, Path(id): Path<String>, Query(query): Query<After>) -> Response {
    let browsers = desk.browsers.lock();
    let Some(browser) = browsers.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let newer = browser.waiting.iter().filter(|(number, _)| *number > query.after);
    let messages: Vec<_> = newer.map(|(number, body)| json!({ "number": number, "body": STANDARD.encode(body) })).collect();
    Json(json!({ "messages": messages })).into_response()
}
