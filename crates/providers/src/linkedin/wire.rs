//! LinkedIn's posts, as they are on the wire.

use crate::http_client::Answer;
use crate::posts::Post;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `POST /rest/posts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPost<'a> {
    author: &'a str,
    commentary: String,
    visibility: &'static str,
    distribution: Distribution,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content<'a>>,
    lifecycle_state: &'static str,
    is_reshare_disabled_by_author: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Distribution {
    feed_distribution: &'static str,
    target_entities: [(); 0],
    third_party_distribution_channels: [(); 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Content<'a> {
    Media(Picture<'a>),
    MultiImage { images: Vec<Picture<'a>> },
    Article { source: &'a str, title: &'a str },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Picture<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    alt_text: Cow<'a, str>,
}

/// What is said of a picture, in characters (LinkedIn's page on images).
const ALT_MAX: usize = 4_086;

/// A post whose pictures are uploaded.
pub(super) fn new_post<'a>(author: &'a str, post: &Post<'a>, images: &'a [String]) -> NewPost<'a> {
    let alt = |text: &'a str| match text.char_indices().nth(ALT_MAX) {
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
        None => Cow::Borrowed(text),
    };
    let mut pictures: Vec<_> = images.iter().zip(&post.media).map(|(id, medium)| Picture { id, alt_text: alt(medium.alt) }).collect();
    let content = match (pictures.len(), post.link) {
        (0, "") => None,
        (0, link) => Some(Content::Article { source: link, title: if post.link_title.is_empty() { link } else { post.link_title } }),
        (1, _) => pictures.pop().map(Content::Media),
        _ => Some(Content::MultiImage { images: pictures }),
    };
    NewPost {
        author,
        commentary: little_text(post.text),
        visibility: "PUBLIC",
        distribution: Distribution { feed_distribution: "MAIN_FEED", target_entities: [], third_party_distribution_channels: [] },
        content,
        lifecycle_state: "PUBLISHED",
        is_reshare_disabled_by_author: false,
    }
}

/// Characters that mean something in LinkedIn's little-text format.
const SPECIAL: &str = "|{}@[]()<>#\\*_~";

/// The text so that each character stands for itself.
pub(super) fn little_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The same, backwards.
pub(super) fn plain_text(little: &str) -> String {
    let mut plain = String::with_capacity(little.len());
    let mut chars = little.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// The new post's URN: in a header, for the body is empty.
pub(super) fn urn(answer: &Answer) -> Option<String> {
    let urn = answer.headers.get("x-restli-id")?.to_str().ok()?;
    urn.starts_with("urn:li:").then(|| urn.to_owned())
}

/// Where a post is seen.
pub(super) fn permalink(urn: &str) -> Option<String> {
    let fits = urn.starts_with("urn:li:") && urn.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b));
    fits.then(|| format!("https://www.linkedin.com/feed/update/{urn}"))
}

/// What `initializeUpload` answers.
#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    pub value: UploadTo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadTo {
    pub upload_url: String,
    pub image: String,
}

/// A page of the author's posts.
#[derive(Debug, Deserialize)]
pub(super) struct Posts {
    pub elements: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub id: String,
    #[serde(default)]
    pub commentary: String,
    /// In milliseconds.
    pub created_at: i64,
}
