//! Uploads pictures: an address is asked for, and the bytes are put there. Nobody sees them before a post names them.

use super::{Api, errors, wire};
use crate::http_client;
use crate::posts::{self, Medium, Post};
use crate::{Fault, Outcome, public_net};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use url::Url;

/// LinkedIn's page names no limit in bytes; its site takes pictures of up to 8 MB.
const PICTURE_MAX_BYTES: usize = 8 * 1024 * 1024;
const TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/gif"];

/// What the tries before have uploaded, in the pictures' order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    pub(super) images: Vec<String>,
}

impl Progress {
    pub(super) fn of(kept: Option<&Value>) -> Self {
        kept.and_then(|kept| Self::deserialize(kept).ok()).unwrap_or_default()
    }
}

/// Uploads what is missing, and goes on with the post at the next try.
pub(super) async fn go_on(api: &Api, post: &Post<'_>, mut progress: Progress) -> Outcome {
    let begun = Instant::now();
    for medium in post.media.iter().skip(progress.images.len()) {
        if begun.elapsed() > posts::LONGEST_UPLOAD {
            break;
        }
        match one(api, medium).await {
            Ok(image) => progress.images.push(image),
            Err(fault) if progress.images.is_empty() => return Outcome::Refused(fault),
            Err(fault) => return posts::kept_so_far(Outcome::Refused(fault), &progress),
        }
    }
    posts::go_on(&progress, Duration::ZERO)
}

async fn one(api: &Api, medium: &Medium<'_>) -> Result<String, Fault> {
    let url = Url::parse(medium.url).map_err(|_| Fault::content("a picture's link is none"))?;
    let picture = public_net::fetch(&url, PICTURE_MAX_BYTES, &TYPES).await?;
    let body = json!({"initializeUploadRequest": {"owner": api.author}});
    let request = api.call(Method::POST, &["rest", "images"])?.query(&[("action", "initializeUpload")]).json(&body);
    let begun: wire::Upload = api.ask(request).await?;
    let target = target(api, &begun.value.upload_url)?;
    if !begun.value.image.starts_with("urn:li:image:") {
        return Err(posts::unreadable());
    }
    let put = api.client.put(target).bearer_auth(api.access_token.expose());
    let put = put.header(http::header::CONTENT_TYPE, picture.media_type.clone()).body(picture.bytes);
    http_client::ask(put, api.deadline, errors::fault).await?;
    Ok(begun.value.image)
}

/// The token goes along with the picture, so it goes to LinkedIn alone: to a host of its own, or to the account's.
pub(super) fn target(api: &Api, text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|_| posts::unreadable())?;
    let own = (url.scheme(), url.host_str(), url.port()) == (api.base_url.scheme(), api.base_url.host_str(), api.base_url.port());
    let theirs = url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(|host| host.ends_with(".linkedin.com"));
    if own || theirs { Ok(url) } else { Err(posts::unfit("upload_elsewhere", "LinkedIn named a strange place for the picture")) }
}
