//! Puts up one post: pictures in one try, the post itself in the next.

use super::{
    Api, errors, lookup,
    upload::{self, Progress},
    wire,
};
use crate::posts;
use crate::{Capability, Fault, Lookup, LookupQuery, Message, Outcome, Send};
use domain::content::Network;
use reqwest::Method;

const PICTURES_MAX: usize = 20;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) api: Api,
}

impl Sender {
    async fn post(&self, message: &Message) -> Result<Outcome, Fault> {
        let post = posts::on(&message.content, Network::Linkedin)?;
        if post.media.len() > PICTURES_MAX || post.media.iter().any(|medium| posts::is_video(medium.url)) {
            return Err(Fault::content("a post on LinkedIn takes up to twenty pictures, and no videos this way"));
        }
        let progress = Progress::of(message.progress.as_ref());
        if progress.images.len() < post.media.len() {
            return Ok(upload::go_on(&self.api, &post, progress).await);
        }
        let body = wire::new_post(&self.api.author, &post, &progress.images);
        let request = self.api.call(Method::POST, &["rest", "posts"])?.json(&body);
        let outcome = posts::publish(request, self.api.deadline, wire::urn, errors::fault).await;
        Ok(posts::shown_at(outcome, wire::permalink))
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
        lookup::ask(&self.api, query).await
    }
}
