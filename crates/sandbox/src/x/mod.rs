//! X: `/2/tweets`, `/2/users/me`, `/2/users/{id}/tweets`, `/2/media/…`.
//!
//! Requests are held to X's OpenAPI description: fields that it doesn't know are refused. Pictures are counted, not looked at.

mod media;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::config::{Active, X};
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::media_type;
use crate::message::{Message, Provider};
use crate::social::{self, Post, Ruled};

const MEDIA_MAX: usize = 4;
const PART_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Names of what a post may have, as `CreatePostsRequest` has them.
const POST_FIELDS: [&str; 16] = [
    "card_uri",
    "community_id",
    "direct_message_deep_link",
    "edit_options",
    "for_super_followers_only",
    "geo",
    "made_with_ai",
    "media",
    "nullcast",
    "paid_partnership",
    "poll",
    "quote_tweet_id",
    "reply",
    "reply_settings",
    "share_with_followers",
    "text",
];
/// As the API's own page says.
const LIMIT: &str = "100";

pub fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/2/tweets", post(create))
        .route("/2/users/me", get(me))
        .route("/2/users/{id}/tweets", get(timeline))
        .route("/2/media/upload", get(media::status))
        .route("/2/media/upload/initialize", post(media::initialize))
        .route("/2/media/upload/{id}/append", post(media::append).layer(DefaultBodyLimit::max(PART_MAX_BYTES)))
        .route("/2/media/upload/{id}/finalize", post(media::finalize))
        .route("/2/media/metadata", post(media::describe))
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
}

impl Problem {
    pub fn invalid(detail: impl Into<String>) -> Self {
        Problem { status: StatusCode::BAD_REQUEST, kind: "https://api.x.com/2/problems/invalid-request", detail: detail.into() }
    }

    fn plain(status: StatusCode, detail: &str) -> Self {
        Problem { status, kind: "about:blank", detail: detail.to_owned() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "title": title, "detail": self.detail, "type": self.kind, "status": self.status.as_u16() });
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let reset = (clock::unix_seconds() + 1).to_string();
            for (name, value) in [("x-rate-limit-limit", LIMIT), ("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", &reset)] {
                if let Ok(value) = HeaderValue::from_str(value) {
                    response.headers_mut().insert(name, value);
                }
            }
        }
        response
    }
}

type Answer = Result<Response, Problem>;

/// The account whose token the caller has.
fn authorise<'a>(desk: &Desk, active: &'a Active, headers: &HeaderMap) -> Result<&'a X, Problem> {
    let unauthorized = || Problem::plain(StatusCode::UNAUTHORIZED, "Unauthorized");
    let section = active.config.x.as_ref().ok_or_else(unauthorized)?;
    let mut tokens: HashSet<String> = desk.social.grants(|grants| grants.tokens("x", clock::unix_seconds()));
    tokens.extend(section.access_token.clone());
    if social::bears(headers, &tokens) { Ok(section) } else { Err(unauthorized()) }
}

async fn me(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answer {
    let active = desk.live.get();
    let section = authorise(&desk, &active, &headers)?;
    Ok(Json(json!({ "data": { "id": section.user_id, "name": section.username, "username": section.username } })).into_response())
}

async fn timeline(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let active = desk.live.get();
    let section = authorise(&desk, &active, &headers)?;
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (skip, limit) = (number("pagination_token").unwrap_or(0), number("max_results").unwrap_or(10));
    if !(5..=100).contains(&limit) {
        return Err(Problem::invalid("The `max_results` query parameter value is not between 5 and 100"));
    }
    let posts = if id == section.user_id { social::posts(&desk, Provider::X, &id).await } else { Vec::new() };
    let more = posts.len() > skip + limit;
    let page: Vec<Value> = posts.iter().skip(skip).take(limit).map(|logged| resource(&logged.message)).collect();
    let mut meta = json!({ "result_count": page.len() });
    if more {
        meta["next_token"] = (skip + limit).to_string().into();
    }
    let mut answer = json!({ "meta": meta });
    if !page.is_empty() {
        answer["data"] = page.into();
    }
    Ok(Json(answer).into_response())
}

/// X shows three characters escaped, and links by its own shortener.
fn resource(message: &Message) -> Value {
    let text = message.text.as_deref().unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let short = |word: &str| if word.starts_with("http") { "https://t.co/abcdefghij".to_owned() } else { word.to_owned() };
    let shown: Vec<_> = text.split(' ').map(short).collect();
    json!({ "id": message.provider_message_id, "text": shown.join(" "), "created_at": message.at })
}

async fn create(State(desk): State<Arc<Desk>>, ConnectInfo(hangup): ConnectInfo<Hangup>, headers: HeaderMap, body: Bytes) -> Answer {
    let active = desk.live.get();
    let section = authorise(&desk, &active, &headers)?;
    let fields = object(&headers, &body, &POST_FIELDS)?;
    let text = social::text(&fields, "text");
    let ids = media_ids(&fields)?;
    if text.is_empty() && ids.is_empty() {
        return Err(Problem::invalid("`text` or `media` must be given"));
    }
    if text.chars().count() > section.max_characters as usize {
        return Err(Problem::invalid("The text is too long"));
    }
    let (mut media, mut alts) = (Vec::new(), Vec::new());
    for id in &ids {
        let upload = desk.social.find(Provider::X, id).filter(|upload| upload.finished);
        let upload = upload.ok_or_else(|| Problem::invalid("Your media IDs are invalid."))?;
        media.push(format!("{} ({} bytes)", upload.text, upload.bytes));
        alts.extend(Some(upload.alt).filter(|alt| !alt.is_empty()));
    }
    let id = desk.social.number();
    let mut more = Map::new();
    if !alts.is_empty() {
        more.insert("alt".into(), alts.into());
    }
    let post = Post {
        provider: Provider::X,
        account: section.user_id.clone(),
        handle: format!("@{}", section.username),
        id: id.clone(),
        text: text.to_owned(),
        media,
        more,
    };
    let answer = (StatusCode::CREATED, Json(json!({ "data": { "id": id, "text": text } }))).into_response();
    match social::put_up(&desk, &active, &hangup, post).await {
        Ruled::Up(how) => Ok(desk.finish(how, &hangup, answer).await),
        Ruled::Duplicate => Err(Problem::plain(StatusCode::FORBIDDEN, "You are not allowed to create a Tweet with duplicate content.")),
        Ruled::Refused => Err(Problem::invalid("The post is not acceptable.")),
        Ruled::Throttled => Err(Problem::plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")),
        Ruled::Broken => Err(Problem::plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")),
        Ruled::Lost(response) => Ok(response),
    }
}

fn media_ids(fields: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    let Some(media) = fields.get("media") else { return Ok(Vec::new()) };
    let ids = media.get("media_ids").and_then(Value::as_array).ok_or_else(|| Problem::invalid("media.media_ids is required"))?;
    let ids: Vec<String> = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if (1..=MEDIA_MAX).contains(&ids.len()) { Ok(ids) } else { Err(Problem::invalid("media.media_ids must hold 1 to 4 ids")) }
}

/// The body's fields, of which all must be known.
fn object(headers: &HeaderMap, body: &[u8], known: &[&str]) -> Result<Map<String, Value>, Problem> {
    let read = if media_type::is(headers, media_type::JSON) { serde_json::from_slice(body).ok() } else { None };
    let Some(Value::Object(fields)) = read else { return Err(Problem::invalid("The body is not a JSON object")) };
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Problem::invalid(format!("{name}: there is no such field"))),
        None => Ok(fields),
    }
}
