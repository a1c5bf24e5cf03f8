//! Uploads in parts: begun, appended, finished, described, asked about.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Answer, Problem, authorise, object};
use crate::clock;
use crate::desk::Desk;
use crate::message::Provider;
use crate::social::{self, Upload};

const CATEGORIES: [&str; 8] = ["amplify_video", "tweet_gif", "tweet_image", "tweet_video", "dm_gif", "dm_image", "dm_video", "subtitles"];
const PICTURE_MAX_BYTES: u64 = 5 * 1024 * 1024;
const ALT_MAX_CHARS: usize = 1_000;
const KEPT_SECONDS: i64 = 86_400;

pub async fn initialize(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Answer {
    authorise(&desk, &desk.live.get(), &headers)?;
    let fields = object(&headers, &body, &["additional_owners", "media_category", "media_type", "shared", "total_bytes"])?;
    let total = fields.get("total_bytes").and_then(Value::as_u64).ok_or_else(|| Problem::invalid("total_bytes is required"))?;
    let (kind, category) = (social::text(&fields, "media_type"), social::text(&fields, "media_category"));
    if !["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/quicktime"].contains(&kind) {
        return Err(Problem::invalid("media_type is not supported"));
    }
    if !CATEGORIES.contains(&category) || (kind.starts_with("image/") && total > PICTURE_MAX_BYTES) || total == 0 {
        return Err(Problem::invalid("media_category or total_bytes does not fit"));
    }
    let id = desk.social.number();
    // `asked` counts the parts until it is finished.
    desk.social
        .keep(&id, Upload { provider: Some(Provider::X), text: kind.to_owned(), media: vec![total.to_string()], ..Upload::default() });
    Ok(Json(json!({ "data": { "id": id, "media_key": format!("3_{id}"), "expires_after_secs": KEPT_SECONDS } })).into_response())
}

pub async fn append(State(desk): State<Arc<Desk>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    authorise(&desk, &desk.live.get(), &headers)?;
    let fields = object(&headers, &body, &["media", "segment_index"])?;
    let segment = fields.get("segment_index").and_then(Value::as_u64).filter(|index| *index < 1_000);
    let segment = segment.ok_or_else(|| Problem::invalid("segment_index is required"))?;
    let bytes = STANDARD.decode(social::text(&fields, "media")).ok().filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| Problem::invalid("media is missing or not base64"))?;
    let mut taken = false;
    let changed = desk.social.change(Provider::X, &id, |upload| {
        taken = u64::from(upload.asked) == segment && !upload.finished;
        if taken {
            upload.asked += 1;
            upload.bytes += bytes.len();
        }
    });
    match changed {
        Some(_) if taken => Ok(Json(json!({ "data": { "expires_at": clock::unix_seconds() + KEPT_SECONDS } })).into_response()),
        Some(_) => Err(Problem::invalid("segment_index is out of order")),
        None => Err(Problem::invalid("there is no such upload")),
    }
}

pub async fn finalize(State(desk): State<Arc<Desk>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    authorise(&desk, &desk.live.get(), &headers)?;
    let whole = |upload: &mut Upload| upload.finished = upload.media.first().is_some_and(|total| *total == upload.bytes.to_string());
    match desk.social.change(Provider::X, &id, whole) {
        Some(upload) if upload.finished => Ok(finished(&id, &upload)),
        Some(_) => Err(Problem::invalid("the parts are not as long as total_bytes")),
        None => Err(Problem::invalid("there is no such upload")),
    }
}

pub async fn status(State(desk): State<Arc<Desk>>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Answer {
    authorise(&desk, &desk.live.get(), &headers)?;
    let id = query.get("media_id").map(String::as_str).unwrap_or_default();
    match desk.social.find(Provider::X, id).filter(|upload| upload.finished) {
        Some(upload) => Ok(finished(id, &upload)),
        None => Err(Problem::invalid("there is no such upload")),
    }
}

fn finished(id: &str, upload: &Upload) -> axum::response::Response {
    let data = json!({ "id": id, "media_key": format!("3_{id}"), "size": upload.bytes, "expires_after_secs": KEPT_SECONDS });
    Json(json!({ "data": data })).into_response()
}

pub async fn describe(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Answer {
    authorise(&desk, &desk.live.get(), &headers)?;
    let fields = object(&headers, &body, &["id", "metadata"])?;
    let alt = fields.get("metadata").and_then(|metadata| metadata.pointer("/alt_text/text")).and_then(Value::as_str);
    let alt =
        alt.filter(|alt| alt.chars().count() <= ALT_MAX_CHARS).ok_or_else(|| Problem::invalid("metadata.alt_text.text does not fit"))?;
    let id = social::text(&fields, "id");
    match desk.social.change(Provider::X, id, |upload| alt.clone_into(&mut upload.alt)) {
        Some(_) => Ok(Json(json!({ "data": { "id": id, "associated_metadata": {} } })).into_response()),
        None => Err(Problem::invalid("there is no such media")),
    }
}
