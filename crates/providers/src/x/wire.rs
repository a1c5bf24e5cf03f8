//! X's posts, as they are on the wire.

use crate::http_client::Answer;
use serde::{Deserialize, Serialize};

/// `POST /2/tweets`.
#[derive(Debug, Serialize)]
pub(super) struct NewPost<'a> {
    /// Always sent: without it the call fails.
    pub text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Media<'a> {
    pub media_ids: &'a [String],
}

/// What holds an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub data: T,
}

#[derive(Debug, Deserialize)]
pub(super) struct Id {
    pub id: String,
}

/// The id of what was made.
pub(super) fn id(answer: &Answer) -> Option<String> {
    let made: Data<Id> = serde_json::from_slice(&answer.body).ok()?;
    Some(made.data.id).filter(|id| super::is_id(id))
}

/// Where a post is seen; X leads from there to the account's own address.
pub(super) fn permalink(id: &str) -> Option<String> {
    super::is_id(id).then(|| format!("https://x.com/i/web/status/{id}"))
}

/// `GET /2/users/me`.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: String,
    #[serde(default)]
    pub username: String,
}

/// A page of `GET /2/users/{id}/tweets`. An account without posts has no `data`, but always `meta`.
#[derive(Debug, Deserialize)]
pub(super) struct Timeline {
    #[serde(default)]
    pub data: Vec<Listed>,
    pub meta: Meta,
}

#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    pub next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub id: String,
    pub text: String,
    pub created_at: String,
    /// The whole of a long post.
    pub note_tweet: Option<Note>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Note {
    pub text: String,
}
