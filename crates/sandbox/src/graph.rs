//! The Graph API's addresses, which pages, professional accounts and WhatsApp share: `/{version}/{id}` and `/{version}/{id}/{edge}`. Whose id
//! it is decides whose call it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::{clock, facebook, instagram, meta, social};

/// WhatsApp's files are the largest: 16 MB, and their form around them.
pub const MAX_BODY_BYTES: usize = 17 * 1024 * 1024;

/// A refusal in the Graph API's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: u32,
    pub subcode: Option<u32>,
    pub message: String,
}

impl Refusal {
    pub fn bad(code: u32, message: impl Into<String>) -> Self {
        Refusal { status: StatusCode::BAD_REQUEST, code, subcode: None, message: message.into() }
    }

    pub fn with_subcode(self, subcode: u32) -> Self {
        Refusal { subcode: Some(subcode), ..self }
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Refusal { status, ..self }
    }

    /// What behaviour makes of a post.
    pub fn of(ruled: social::Ruled) -> Result<crate::behaviour::Answer, Box<Response>> {
        use social::Ruled;
        let refusal = match ruled {
            Ruled::Up(answer) => return Ok(answer),
            Ruled::Lost(response) => return Err(Box::new(response)),
            Ruled::Duplicate => Refusal::bad(506, "Duplicate status message"),
            Ruled::Refused => Refusal::bad(100, "Invalid parameter"),
            Ruled::Throttled => Refusal::bad(4, "Application request limit reached").with_status(StatusCode::TOO_MANY_REQUESTS),
            Ruled::Broken => Refusal::bad(2, "An unexpected error has occurred").with_status(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Err(Box::new(refusal.into_response()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({
            "message": format!("(#{}) {}", self.code, self.message),
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": format!("A{}", uuid::Uuid::new_v4().simple()),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// One call, read.
pub struct Call<'a> {
    pub desk: &'a Desk,
    pub active: &'a Arc<Active>,
    pub hangup: &'a Hangup,
    pub id: &'a str,
    pub edge: &'a str,
    pub query: &'a HashMap<String, String>,
    /// Of a POST.
    pub fields: Map<String, Value>,
}

pub type Answer = Result<Response, Refusal>;

/// `GET /{version}/{id}`
pub async fn node(
    State(desk): State<Arc<Desk>>,
    Path((version, id)): Path<(String, String)>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let active = desk.live.get();
    let call = Call { desk: &desk, active: &active, hangup: &hangup, id: &id, edge: "", query: &query, fields: Map::new() };
    read(call, &version, &headers).await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /{version}/{id}/{edge}`
pub async fn edge(
    State(desk): State<Arc<Desk>>,
    Path((version, id, edge)): Path<(String, String, String)>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let active = desk.live.get();
    let call = Call { desk: &desk, active: &active, hangup: &hangup, id: &id, edge: &edge, query: &query, fields: Map::new() };
    read(call, &version, &headers).await.unwrap_or_else(IntoResponse::into_response)
}

async fn read(call: Call<'_>, version: &str, headers: &HeaderMap) -> Answer {
    check_version(version)?;
    let network = network_of(&call, headers)?;
    match network {
        Network::Facebook => facebook::read(&call).await,
        Network::Instagram => instagram::read(&call).await,
    }
}

/// `POST /{version}/{id}/{edge}`
pub async fn post_edge(
    State(desk): State<Arc<Desk>>,
    Path((version, id, edge)): Path<(String, String, String)>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let active = desk.live.get();
    let call = Call { desk: &desk, active: &active, hangup: &hangup, id: &id, edge: &edge, query: &query, fields: Map::new() };
    write(call, &version, &headers, &body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn write(mut call: Call<'_>, version: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
    check_version(version)?;
    // A WhatsApp number's files: its token is another one.
    if call.edge == "media" && call.active.config.meta.as_ref().is_some_and(|meta| meta.phone_number_id == call.id) {
        return Ok(meta::media::upload(call.active, version, headers, body));
    }
    let network = network_of(&call, headers)?;
    call.fields = social::fields(headers, body).ok_or_else(|| Refusal::bad(100, "The body is not an object."))?;
    match network {
        Network::Facebook => facebook::write(&call).await,
        Network::Instagram => instagram::write(&call).await,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Facebook,
    Instagram,
}

/// Whose call it is: by the id where it is an account's, by the token else.
fn network_of(call: &Call<'_>, headers: &HeaderMap) -> Result<Network, Refusal> {
    let config = &call.active.config;
    let tokens = |own: Option<&String>, network: &str| {
        let mut tokens: HashSet<String> = own.into_iter().cloned().collect();
        tokens.extend(call.desk.social.grants(|grants| grants.tokens(network, clock::unix_seconds())));
        tokens
    };
    let facebook = tokens(config.facebook.as_ref().map(|section| &section.access_token), "facebook");
    let instagram = tokens(config.instagram.as_ref().map(|section| &section.access_token), "instagram");
    let (by_facebook, by_instagram) = (social::bears(headers, &facebook), social::bears(headers, &instagram));
    if !by_facebook && !by_instagram {
        return Err(Refusal::bad(190, "Invalid OAuth access token").with_status(StatusCode::UNAUTHORIZED));
    }
    let is_page =
        config.facebook.as_ref().is_some_and(|section| section.page_id == call.id || call.id.starts_with(&format!("{}_", section.page_id)));
    let is_user = config.instagram.as_ref().is_some_and(|section| section.ig_user_id == call.id);
    match (is_page, is_user) {
        (true, _) if by_facebook => Ok(Network::Facebook),
        (_, true) if by_instagram => Ok(Network::Instagram),
        (false, false) if by_instagram => Ok(Network::Instagram),
        (false, false) => Ok(Network::Facebook),
        _ => Err(Refusal::bad(200, "The token is not for this account.").with_status(StatusCode::FORBIDDEN)),
    }
}

fn check_version(version: &str) -> Result<(), Refusal> {
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fits = version.strip_prefix('v').and_then(|v| v.split_once('.')).is_some_and(|(major, minor)| numeric(major) && numeric(minor));
    if fits { Ok(()) } else { Err(Refusal::bad(2_500, format!("Unknown path components: /{version}"))) }
}

/// What isn't there.
pub fn unknown(id: &str) -> Refusal {
    Refusal::bad(100, format!("Unsupported request. Object with ID '{id}' does not exist.")).with_subcode(33)
}

/// A page of a list, with the cursor of the next.
pub fn list(items: Vec<Value>, next: Option<String>) -> Response {
    let mut answer = json!({ "data": items });
    if let Some(after) = next {
        answer["paging"] =
            json!({ "cursors": { "before": "0", "after": after }, "next": format!("https://graph.facebook.com/next?after={after}") });
    }
    Json(answer).into_response()
}

/// Which part of a list is asked for.
pub fn part<T>(items: Vec<T>, query: &HashMap<String, String>, usual: usize) -> (Vec<T>, Option<String>) {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (skip, limit) = (number("after").unwrap_or(0), number("limit").unwrap_or(usual).clamp(1, 100));
    let more = items.len() > skip + limit;
    (items.into_iter().skip(skip).take(limit).collect(), more.then(|| (skip + limit).to_string()))
}
