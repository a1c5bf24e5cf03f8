//! `POST /sandbox/whatsapp/template`: Meta decides about a template. Its status changes in the configuration, and the hub is told, once.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;

use super::webhook::SIGNATURE;
use crate::callbacks::{is_loopback, sign};
use crate::config::{Active, Template};
use crate::desk::Desk;

const TIMEOUT: Duration = Duration::from_secs(15);

/// What Meta decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    name: String,
    language: String,
    /// `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …
    status: String,
    #[serde(default = "none")]
    reason: String,
}

fn none() -> String {
    "NONE".to_owned()
}

pub async fn decide(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    match decided(&desk, &body).await {
        Ok(status) => Json(json!({ "status": status.as_u16() })).into_response(),
        Err((status, problem)) => (status, problem).into_response(),
    }
}

async fn decided(desk: &Desk, body: &[u8]) -> Result<StatusCode, (StatusCode, String)> {
    let bad = |problem: String| (StatusCode::BAD_REQUEST, problem);
    let decision: Decision = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let mut config = desk.live.get().config.clone();
    let is_it = |template: &&mut Template| template.name == decision.name && template.language == decision.language;
    let template = config.whatsapp.templates.iter_mut().flatten().find(is_it);
    let template = template.ok_or_else(|| bad("there is no such template in whatsapp.templates".to_owned()))?;
    template.status.clone_from(&decision.status);
    let template = template.clone();
    let post = post(&config, &template, &decision.reason).map_err(bad)?;
    let active = Active::new(config).map_err(|error| bad(error.to_string()))?;
    desk.live.replace(active).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    send(post).await.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
}

struct Post {
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn post(config: &crate::Config, template: &Template, reason: &str) -> Result<Post, String> {
    let meta = config.meta.as_ref().ok_or("meta is not configured")?;
    let url = meta.webhook_url.as_deref().and_then(|url| Url::parse(url).ok()).ok_or("meta.webhook_url is not configured")?;
    if !is_loopback(&url) {
        return Err("the sandbox tells this machine only".to_owned());
    }
    let value = json!({
        "event": template.status,
        "message_template_id": template.id.parse::<u64>().unwrap_or_default(),
        "message_template_name": template.name,
        // Meta writes languages so in these posts, and otherwise everywhere else.
        "message_template_language": template.language.replace('_', "-"),
        "message_template_category": template.category,
        "reason": reason,
    });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": config.whatsapp.waba_id.as_deref().unwrap_or_default(),
            "time": crate::clock::unix_seconds(),
            "changes": [{ "field": "message_template_status_update", "value": value }],
        }],
    });
    let body = body.to_string().replace('/', "\\/").into_bytes();
    let signature = HeaderValue::from_str(&sign::meta(&meta.app_secret, &body)).map_err(|_| "it can't be signed")?;
    let json = HeaderValue::from_static("application/json");
    Ok(Post { url, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json), (SIGNATURE, signature)]), body })
}

async fn send(post: Post) -> reqwest::Result<StatusCode> {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build()?;
    Ok(client.post(post.url).headers(post.headers).body(post.body).send().await?.status())
}
