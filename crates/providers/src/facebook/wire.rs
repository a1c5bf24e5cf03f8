//! A page's posts and photos, as they are on the wire.

use crate::http_client::Answer;
use crate::posts::{Medium, Post};
use serde::{Deserialize, Serialize};

/// `POST /{page-id}/feed`.
#[derive(Debug, Serialize)]
pub(super) struct FeedPost<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    link: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached_media: Vec<Attached<'a>>,
}

#[derive(Debug, Serialize)]
struct Attached<'a> {
    media_fbid: &'a str,
}

/// `POST /{page-id}/photos`.
#[derive(Debug, Serialize)]
pub(super) struct Photo<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    caption: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    alt_text_custom: &'a str,
    published: bool,
}

pub(super) fn feed_post<'a>(post: &Post<'a>, photos: &'a [String]) -> FeedPost<'a> {
    // A post has pictures or a page shown with it, not both.
    let link = if photos.is_empty() { post.link } else { "" };
    FeedPost { message: post.text, link, attached_media: photos.iter().map(|id| Attached { media_fbid: id }).collect() }
}

pub(super) const fn photo<'a>(medium: &Medium<'a>, caption: &'a str, published: bool) -> Photo<'a> {
    Photo { url: medium.url, caption, alt_text_custom: medium.alt, published }
}

/// What was made: of a photo, the post that shows it has an id of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    id: String,
    post_id: Option<String>,
}

/// The id of a photo that nobody sees yet.
pub(super) fn photo_id(answer: &Answer) -> Option<String> {
    let made: Made = serde_json::from_slice(&answer.body).ok()?;
    Some(made.id).filter(|id| crate::graph::is_id(id))
}

/// The id of the post that everybody sees.
pub(super) fn post_id(answer: &Answer) -> Option<String> {
    let made: Made = serde_json::from_slice(&answer.body).ok()?;
    made.post_id.or(Some(made.id)).filter(|id| !id.is_empty())
}

/// Where a post is seen: Facebook leads from the id to its page.
pub(super) fn permalink(post_id: &str) -> Option<String> {
    let fits = !post_id.is_empty() && post_id.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    fits.then(|| format!("https://www.facebook.com/{post_id}"))
}

/// A post as the page's feed lists it.
#[derive(Debug, Deserialize)]
pub(super) struct FeedEntry {
    pub id: String,
    #[serde(default)]
    pub message: String,
    pub created_time: String,
    pub permalink_url: Option<String>,
}
