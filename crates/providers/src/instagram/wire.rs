//! Containers, their status and the quota, as they are on the wire.

use crate::http_client::Answer;
use crate::posts::{self, Medium, Post};
use serde::{Deserialize, Serialize};

/// `POST /{ig-user-id}/media`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Container<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    caption: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    alt_text: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_carousel_item: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    children: &'a [String],
}

/// A post of one picture or reel.
pub(super) fn single<'a>(medium: &Medium<'a>, caption: &'a str) -> Container<'a> {
    let container = Container { caption, ..Container::default() };
    if posts::is_video(medium.url) {
        return Container { video_url: Some(medium.url), media_type: Some("REELS"), ..container };
    }
    Container { image_url: Some(medium.url), alt_text: medium.alt, ..container }
}

/// One of a carousel.
pub(super) fn item<'a>(medium: &Medium<'a>) -> Container<'a> {
    let container = Container { is_carousel_item: true, ..Container::default() };
    if posts::is_video(medium.url) {
        return Container { video_url: Some(medium.url), media_type: Some("VIDEO"), ..container };
    }
    Container { image_url: Some(medium.url), alt_text: medium.alt, ..container }
}

pub(super) fn carousel<'a>(post: &Post<'a>, children: &'a [String]) -> Container<'a> {
    Container { media_type: Some("CAROUSEL"), caption: post.text, children, ..Container::default() }
}

/// The id of what was made.
pub(super) fn id(answer: &Answer) -> Option<String> {
    let made: crate::graph::Made = serde_json::from_slice(&answer.body).ok()?;
    Some(made.id).filter(|id| crate::graph::is_id(id))
}

/// A container's status, as far as we know its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Finished,
    Published,
    /// Its media can't be used.
    Error,
    Expired,
}

#[derive(Debug, Deserialize)]
pub(super) struct ContainerStatus {
    status_code: String,
    /// In words, for a person.
    #[serde(default)]
    pub status: String,
}

impl ContainerStatus {
    /// A word that we don't know means that it isn't ready.
    pub(super) fn read(&self) -> Status {
        match self.status_code.as_str() {
            "FINISHED" => Status::Finished,
            "PUBLISHED" => Status::Published,
            "ERROR" => Status::Error,
            "EXPIRED" => Status::Expired,
            _ => Status::InProgress,
        }
    }
}

/// `GET /{ig-user-id}/content_publishing_limit`.
#[derive(Debug, Deserialize)]
pub(super) struct Limit {
    #[serde(default)]
    pub quota_usage: u32,
    #[serde(default)]
    pub config: LimitConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LimitConfig {
    pub quota_total: Option<u32>,
}

/// A published post as the account lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Media {
    pub id: String,
    #[serde(default)]
    pub caption: String,
    pub timestamp: String,
    pub permalink: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Permalink {
    pub permalink: Option<String>,
}
