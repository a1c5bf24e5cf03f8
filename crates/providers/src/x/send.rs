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
use time::OffsetDateTime;

const PICTURES_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) api: Api,
}

impl Sender {
    async fn post(&self, message: &Message) -> Result<Outcome, Fault> {
        let post = posts::on(&message.content, Network::X)?;
        if post.media.len() > PICTURES_MAX || post.media.iter().any(|medium| posts::is_video(medium.url)) {
            return Err(Fault::content("a post on X takes up to four pictures, and no videos this way"));
        }
        let progress = Progress::of(message.progress.as_ref(), OffsetDateTime::now_utc());
        if !progress.is_whole(post.media.len()) {
            return Ok(upload::go_on(&self.api, &post, progress).await);
        }
        let media = progress.ids();
        // A link that isn't in the text already stands at its end, where X makes a card of it.
        let text = match post.link {
            link if link.is_empty() || post.text.contains(link) => post.text.to_owned(),
            link => format!("{}\n{link}", post.text),
        };
        let body = wire::NewPost { text: &text, media: (!media.is_empty()).then_some(wire::Media { media_ids: media }) };
        let request = self.api.call(Method::POST, &["2", "tweets"])?.json(&body);
        let outcome = posts::publish(request, self.api.deadline, wire::id, errors::fault).await;
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
