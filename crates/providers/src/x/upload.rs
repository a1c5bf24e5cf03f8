//! Uploads pictures: fetched from their public addresses, begun, appended in parts, finished, described. Nobody sees them before a post
//! names them, so that each part may be done again.

use super::{Api, errors, wire};
use crate::errors::PERMANENT;
use crate::http_client;
use crate::posts::{self, Medium, Post};
use crate::{Fault, Outcome, public_net};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use url::Url;

/// X takes pictures of so many bytes (its media guide).
const PICTURE_MAX_BYTES: usize = 5 * 1024 * 1024;
/// In one part; base64 makes a third more of it.
const PART_BYTES: usize = 512 * 1024;
const TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];
/// X keeps an upload a day (`expires_after_secs`); one that is nearly over isn't used.
const KEPT_SECONDS: i64 = 20 * 60 * 60;
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// What is said of a picture, in characters (`CreateMediaMetadataMetadataAltText`).
const ALT_MAX: usize = 1_000;

/// What the tries before have uploaded.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    media: Vec<String>,
    /// The last one is still being worked on at X.
    working: bool,
    /// When the first was begun, in Unix seconds.
    since: i64,
}

#[derive(Debug, Deserialize)]
struct Finished {
    processing_info: Option<Processing>,
}

#[derive(Debug, Deserialize)]
struct Processing {
    #[serde(default)]
    state: String,
    check_after_secs: Option<u64>,
}

impl Progress {
    /// As it was kept; nothing when the uploads are too old to be used.
    pub(super) fn of(kept: Option<&Value>, now: OffsetDateTime) -> Self {
        let kept = kept.and_then(|kept| Self::deserialize(kept).ok());
        kept.filter(|kept| now.unix_timestamp() - kept.since < KEPT_SECONDS).unwrap_or_default()
    }

    pub(super) fn is_whole(&self, pictures: usize) -> bool {
        self.media.len() == pictures && !self.working
    }

    pub(super) fn ids(&self) -> &[String] {
        &self.media
    }
}

/// Uploads what is missing, and goes on with the post at the next try.
pub(super) async fn go_on(api: &Api, post: &Post<'_>, mut progress: Progress) -> Outcome {
    if progress.since == 0 {
        progress.since = OffsetDateTime::now_utc().unix_timestamp();
    }
    if progress.working {
        match processed(api, progress.media.last().map(String::as_str).unwrap_or_default()).await {
            Ok(None) => progress.working = false,
            Ok(Some(wait)) => return posts::go_on(&progress, wait),
            Err(fault) => return posts::kept_so_far(Outcome::Refused(fault), &progress),
        }
    }
    let begun = Instant::now();
    for medium in post.media.iter().skip(progress.media.len()) {
        if begun.elapsed() > posts::LONGEST_UPLOAD {
            break;
        }
        match one(api, medium).await {
            Ok((id, None)) => progress.media.push(id),
            Ok((id, Some(wait))) => {
                progress.media.push(id);
                progress.working = true;
                return posts::go_on(&progress, wait);
            }
            Err(fault) if progress.media.is_empty() => return Outcome::Refused(fault),
            Err(fault) => return posts::kept_so_far(Outcome::Refused(fault), &progress),
        }
    }
    posts::go_on(&progress, Duration::ZERO)
}

/// Uploads one picture. Answers with its id, and how long X asks to wait before it can be used.
async fn one(api: &Api, medium: &Medium<'_>) -> Result<(String, Option<Duration>), Fault> {
    let url = Url::parse(medium.url).map_err(|_| Fault::content("a picture's link is none"))?;
    let picture = public_net::fetch(&url, PICTURE_MAX_BYTES, &TYPES).await?;
    let category = if picture.media_type == "image/gif" { "tweet_gif" } else { "tweet_image" };
    let begin = json!({"media_type": picture.media_type, "total_bytes": picture.bytes.len(), "media_category": category});
    let begun: wire::Data<wire::Id> = api.ask(api.call(Method::POST, &["2", "media", "upload", "initialize"])?.json(&begin)).await?;
    let id = begun.data.id;
    if !super::is_id(&id) {
        return Err(posts::unreadable());
    }
    for (index, part) in picture.bytes.chunks(PART_BYTES).enumerate() {
        let body = json!({"media": STANDARD.encode(part), "segment_index": index});
        done(api, api.call(Method::POST, &["2", "media", "upload", &id, "append"])?.json(&body)).await?;
    }
    let finished: wire::Data<Finished> = api.ask(api.call(Method::POST, &["2", "media", "upload", &id, "finalize"])?).await?;
    if !medium.alt.is_empty() {
        let alt: String = medium.alt.chars().take(ALT_MAX).collect();
        let body = json!({"id": id, "metadata": {"alt_text": {"text": alt}}});
        done(api, api.call(Method::POST, &["2", "media", "metadata"])?.json(&body)).await?;
    }
    Ok((id, waits(finished.data.processing_info)?))
}

/// Whether X has worked an upload off; else how long it asks to wait.
async fn processed(api: &Api, id: &str) -> Result<Option<Duration>, Fault> {
    let request = api.call(Method::GET, &["2", "media", "upload"])?.query(&[("media_id", id), ("command", "STATUS")]);
    let status: wire::Data<Finished> = api.ask(request).await?;
    waits(status.data.processing_info)
}

fn waits(processing: Option<Processing>) -> Result<Option<Duration>, Fault> {
    const WAIT_MAX: u64 = 60;
    let Some(processing) = processing else { return Ok(None) };
    match processing.state.as_str() {
        "succeeded" | "" => Ok(None),
        "failed" => Err(Fault::new("media_failed", PERMANENT, "X can't use the picture")),
        _ => Ok(Some(processing.check_after_secs.map_or(LOOK_AGAIN, |seconds| Duration::from_secs(seconds.clamp(1, WAIT_MAX))))),
    }
}

/// A call whose answer says nothing but yes or no.
async fn done(api: &Api, request: RequestBuilder) -> Result<(), Fault> {
    http_client::ask(request, api.deadline, errors::fault).await.map(drop)
}
