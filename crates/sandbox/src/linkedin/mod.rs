//! LinkedIn: `/rest/posts`, `/rest/images`, the place where pictures are put, and who the token is for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::config::{Active, Linkedin};
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::media_type;
use crate::message::{Message, Provider};
use crate::social::{self, Post, Ruled, Upload};

const COMMENTARY_MAX_CHARS: usize = 3_000;
const PICTURE_MAX_BYTES: usize = 10 * 1024 * 1024;
const IMAGES_MAX: usize = 20;

pub fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/rest/posts", post(create).get(list))
        .route("/rest/images", post(begin))
        .route("/upload/{id}", put(upload).layer(DefaultBodyLimit::max(PICTURE_MAX_BYTES)))
        .route("/rest/organizations/{id}", get(organization))
        .route("/rest/organizationAcls", get(organizations))
        .route("/v2/userinfo", get(person))
}

/// A refusal in LinkedIn's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    status: StatusCode,
    code: Option<u32>,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal { status, code: None, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "message": self.message, "status": self.status.as_u16() });
        if let Some(code) = self.code {
            body["serviceErrorCode"] = code.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

type Answer = Result<Response, Refusal>;

fn authorise<'a>(desk: &Desk, active: &'a Active, headers: &HeaderMap) -> Result<&'a Linkedin, Refusal> {
    let refusal = || Refusal { code: Some(65_600), ..Refusal::new(StatusCode::UNAUTHORIZED, "Invalid access token") };
    let section = active.config.linkedin.as_ref().ok_or_else(refusal)?;
    let mut tokens: HashSet<String> = desk.social.grants(|grants| grants.tokens("linkedin", clock::unix_seconds()));
    tokens.extend(section.access_token.clone());
    if social::bears(headers, &tokens) { Ok(section) } else { Err(refusal()) }
}

/// The same, for the interface that has versions.
fn versioned<'a>(desk: &Desk, active: &'a Active, headers: &HeaderMap) -> Result<&'a Linkedin, Refusal> {
    let section = authorise(desk, active, headers)?;
    let given = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let version = given("linkedin-version");
    if version.len() != 6 || !version.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::bad("A version must be present. Please specify a version by adding the LinkedIn-Version header."));
    }
    if version < section.oldest_version.as_str() {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, format!("Requested version {version} is not active")));
    }
    if given("x-restli-protocol-version") != "2.0.0" {
        return Err(Refusal::bad("X-Restli-Protocol-Version must be 2.0.0"));
    }
    Ok(section)
}

async fn create(State(desk): State<Arc<Desk>>, ConnectInfo(hangup): ConnectInfo<Hangup>, headers: HeaderMap, body: Bytes) -> Answer {
    let active = desk.live.get();
    let section = versioned(&desk, &active, &headers)?;
    let Value::Object(fields) = json_of(&headers, &body) else { return Err(Refusal::bad("The body is not a JSON object")) };
    check(&fields, section)?;
    let (media, more) = content(&desk, &fields)?;
    let text = plain(social::text(&fields, "commentary"));
    let id = format!("urn:li:share:{}", desk.social.number());
    let post = Post {
        provider: Provider::Linkedin,
        account: section.author.clone(),
        handle: section.name.clone(),
        id: id.clone(),
        text,
        media,
        more,
    };
    match social::put_up(&desk, &active, &hangup, post).await {
        Ruled::Up(how) => {
            let mut response = StatusCode::CREATED.into_response();
            response.headers_mut().insert("x-restli-id", HeaderValue::from_str(&id).map_err(|_| Refusal::bad("id"))?);
            Ok(desk.finish(how, &hangup, response).await)
        }
        Ruled::Duplicate => {
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Content is a duplicate of urn:li:share:6930000000000000000"))
        }
        Ruled::Refused => Err(Refusal::bad("The post is not acceptable")),
        Ruled::Throttled => {
            let message = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.";
            Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, message))
        }
        Ruled::Broken => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
        Ruled::Lost(response) => Ok(response),
    }
}

/// The body; null if it isn't JSON, or isn't said to be.
fn json_of(headers: &HeaderMap, body: &[u8]) -> Value {
    if media_type::is(headers, media_type::JSON) { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null }
}

fn check(fields: &Map<String, Value>, section: &Linkedin) -> Result<(), Refusal> {
    let text = |name: &str| social::text(fields, name);
    if text("author") != section.author {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Member is not allowed to post as this author"));
    }
    let feed = fields.get("distribution").and_then(|distribution| distribution.get("feedDistribution")).and_then(Value::as_str);
    let fits = ["PUBLIC", "CONNECTIONS", "LOGGED_IN"].contains(&text("visibility"))
        && ["PUBLISHED", "DRAFT"].contains(&text("lifecycleState"))
        && feed.is_some_and(|feed| ["MAIN_FEED", "NONE"].contains(&feed))
        && fields.get("commentary").is_some_and(Value::is_string);
    if !fits {
        return Err(Refusal::bad("visibility, lifecycleState, distribution or commentary is missing or not valid"));
    }
    if text("commentary").chars().count() > COMMENTARY_MAX_CHARS {
        return Err(Refusal::bad("commentary is too long"));
    }
    if is_unescaped(text("commentary")) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "commentary is not little text: a reserved character is not escaped"));
    }
    Ok(())
}

/// Whether a reserved character stands there for itself without a backslash.
fn is_unescaped(little: &str) -> bool {
    let mut chars = little.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if "|{}@[]()<>#*_~".contains(c) => return true,
            _ => {}
        }
    }
    false
}

fn plain(little: &str) -> String {
    let (mut plain, mut chars) = (String::new(), little.chars());
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// The pictures, which must have been put in their place, and what else there is to see.
fn content(desk: &Desk, fields: &Map<String, Value>) -> Result<(Vec<String>, Map<String, Value>), Refusal> {
    let mut more = Map::new();
    let Some(content) = fields.get("content") else { return Ok((Vec::new(), more)) };
    if let Some(article) = content.get("article") {
        let source = article.get("source").and_then(Value::as_str).unwrap_or_default();
        if !social::is_link(source) || !article.get("title").is_some_and(Value::is_string) {
            return Err(Refusal::bad("content.article needs a source and a title"));
        }
        more.insert("link".into(), source.into());
        return Ok((Vec::new(), more));
    }
    let images: Vec<&Value> = match (content.get("media"), content.pointer("/multiImage/images").and_then(Value::as_array)) {
        (Some(one), _) => vec![one],
        (None, Some(several)) if (2..=IMAGES_MAX).contains(&several.len()) => several.iter().collect(),
        _ => return Err(Refusal::bad("content is none that is known")),
    };
    let (mut media, mut alts) = (Vec::new(), Vec::new());
    for image in images {
        let id = image.get("id").and_then(Value::as_str).unwrap_or_default();
        let put = desk.social.find(Provider::Linkedin, id).filter(|upload| upload.finished);
        let put = put.ok_or_else(|| Refusal::bad(format!("{id} is not an image that was uploaded")))?;
        media.push(format!("{} ({} bytes)", put.text, put.bytes));
        alts.extend(image.get("altText").and_then(Value::as_str).map(str::to_owned));
    }
    if !alts.is_empty() {
        more.insert("alt".into(), alts.into());
    }
    Ok((media, more))
}

async fn list(State(desk): State<Arc<Desk>>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Answer {
    let active = desk.live.get();
    let section = versioned(&desk, &active, &headers)?;
    let finder = headers.get("x-restli-method").and_then(|value| value.to_str().ok());
    if finder != Some("FINDER") || query.get("q").map(String::as_str) != Some("author") {
        return Err(Refusal::bad("q=author with X-RestLi-Method: FINDER is all that is known"));
    }
    let number = |name: &str, usual| query.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(usual);
    let (start, count) = (number("start", 0), number("count", 10).min(100));
    let author = query.get("author").map(String::as_str).unwrap_or_default();
    let posts = if author == section.author { social::posts(&desk, Provider::Linkedin, author).await } else { Vec::new() };
    let elements: Vec<Value> = posts.iter().skip(start).take(count).map(|logged| resource(&logged.message)).collect();
    Ok(Json(json!({ "elements": elements, "paging": { "start": start, "count": count, "links": [] } })).into_response())
}

fn resource(message: &Message) -> Value {
    let milliseconds = social::at(message).map(|at| at.unix_timestamp_nanos() / 1_000_000).and_then(|at| i64::try_from(at).ok());
    let escape = |c: char| if "|{}@[]()<>#\\*_~".contains(c) { vec!['\\', c] } else { vec![c] };
    let commentary: String = message.text.as_deref().unwrap_or_default().chars().flat_map(escape).collect();
    json!({ "id": message.provider_message_id, "author": message.to, "commentary": commentary, "createdAt": milliseconds,
            "lifecycleState": "PUBLISHED" })
}

async fn begin(State(desk): State<Arc<Desk>>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap, body: Bytes) -> Answer {
    let active = desk.live.get();
    let section = versioned(&desk, &active, &headers)?;
    let body = json_of(&headers, &body);
    let owner = body.pointer("/initializeUploadRequest/owner").and_then(Value::as_str);
    if query.get("action").map(String::as_str) != Some("initializeUpload") || owner != Some(section.author.as_str()) {
        return Err(Refusal::bad("action=initializeUpload with the owner is all that is known"));
    }
    let (number, image) = (desk.social.number(), desk.social.number());
    let image = format!("urn:li:image:C{image}");
    // Two names for one upload: the place is known by the number, the picture by its URN.
    desk.social.keep(&number, Upload { provider: Some(Provider::Linkedin), media: vec![image.clone()], ..Upload::default() });
    desk.social.keep(&image, Upload { provider: Some(Provider::Linkedin), ..Upload::default() });
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    let value = json!({ "uploadUrl": format!("http://{host}/upload/{number}"), "uploadUrlExpiresAt": (clock::unix_seconds() + 3_600) * 1_000, "image": image });
    Ok(Json(json!({ "value": value })).into_response())
}

async fn upload(State(desk): State<Arc<Desk>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let active = desk.live.get();
    authorise(&desk, &active, &headers)?;
    let place = desk.social.find(Provider::Linkedin, &id).filter(|_| !body.is_empty());
    let image = place.and_then(|place| place.media.into_iter().next());
    let image = image.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "There is no such place for a picture"))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("image").to_owned();
    desk.social.change(Provider::Linkedin, &image, |upload| {
        (upload.bytes, upload.finished, upload.text) = (body.len(), true, kind);
    });
    Ok(StatusCode::CREATED.into_response())
}

async fn organization(State(desk): State<Arc<Desk>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let active = desk.live.get();
    let section = versioned(&desk, &active, &headers)?;
    if section.author == format!("urn:li:organization:{id}") {
        return Ok(Json(json!({ "id": id, "localizedName": section.name })).into_response());
    }
    Err(Refusal::new(StatusCode::NOT_FOUND, "There is no such organization"))
}

async fn organizations(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answer {
    let active = desk.live.get();
    let section = versioned(&desk, &active, &headers)?;
    let own = section.author.starts_with("urn:li:organization:");
    let elements: Vec<Value> =
        own.then(|| json!({ "organization": section.author, "role": "ADMINISTRATOR", "state": "APPROVED" })).into_iter().collect();
    Ok(Json(json!({ "elements": elements })).into_response())
}

async fn person(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answer {
    let active = desk.live.get();
    let section = authorise(&desk, &active, &headers)?;
    let sub = section.author.strip_prefix("urn:li:person:").unwrap_or("sandbox-person");
    Ok(Json(json!({ "sub": sub, "name": section.name })).into_response())
}
