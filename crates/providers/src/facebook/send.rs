//! Puts up one post: at most one call that can be seen, and it is the last.

use super::{Config, lookup, wire};
use crate::graph::{self, Graph};
use crate::posts::{self, Post};
use crate::{AccountError, Capability, Fault, Lookup, LookupQuery, Message, Outcome, Send, http_client};
use domain::content::Network;
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Facebook hangs so many pictures on one post.
const PHOTOS_MAX: usize = 10;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) graph: Graph,
    pub(super) page_id: String,
}

/// What the tries before have uploaded: pictures that nobody sees yet, in their order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    photos: Vec<String>,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { graph: config.graph(deadline)?, page_id: config.page_id })
    }

    async fn post(&self, message: &Message) -> Result<Outcome, Fault> {
        let post = posts::on(&message.content, Network::Facebook)?;
        if post.media.len() > PHOTOS_MAX || post.media.iter().any(|medium| posts::is_video(medium.url)) {
            return Err(Fault::content("a page takes up to ten pictures, and no videos this way"));
        }
        let request = match post.media.as_slice() {
            [] => self.graph.post(&[&self.page_id, "feed"])?.json(&wire::feed_post(&post, &[])),
            [only] => self.graph.post(&[&self.page_id, "photos"])?.json(&wire::photo(only, post.text, true)),
            several => {
                let progress: Progress = message.progress.as_ref().and_then(|kept| Progress::deserialize(kept).ok()).unwrap_or_default();
                if progress.photos.len() < several.len() {
                    return Ok(self.upload(&post, progress).await);
                }
                self.graph.post(&[&self.page_id, "feed"])?.json(&wire::feed_post(&post, &progress.photos))
            }
        };
        Ok(self.publish(request).await)
    }

    /// Uploads the pictures that are still missing. What a broken try had uploaded is kept as far as it is known.
    async fn upload(&self, post: &Post<'_>, mut progress: Progress) -> Outcome {
        let begun = Instant::now();
        for medium in post.media.iter().skip(progress.photos.len()) {
            if begun.elapsed() > posts::LONGEST_UPLOAD {
                break;
            }
            let request = match self.graph.post(&[&self.page_id, "photos"]) {
                Ok(request) => request.json(&wire::photo(medium, "", false)),
                Err(fault) => return Outcome::Refused(fault),
            };
            match http_client::call(request, self.graph.deadline, wire::photo_id, graph::fault).await {
                Ok(id) => progress.photos.push(id),
                Err(outcome) if progress.photos.is_empty() => return outcome.of_harmless_step(),
                Err(outcome) => return posts::kept_so_far(outcome.of_harmless_step(), &progress),
            }
        }
        posts::go_on(&progress, Duration::ZERO)
    }

    async fn publish(&self, request: RequestBuilder) -> Outcome {
        let outcome = posts::publish(request, self.graph.deadline, wire::post_id, graph::fault).await;
        posts::shown_at(outcome, wire::permalink)
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        self.post(message).await.unwrap_or_else(Outcome::Refused)
    }

    fn concurrency(&self) -> usize {
        posts::CONCURRENCY
    }

    fn capability(&self) -> Capability {
        Capability::Lookup
    }

    async fn lookup(&self, query: &LookupQuery) -> Lookup {
        lookup::ask(self, query).await
    }
}
