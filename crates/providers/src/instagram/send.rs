//! Puts up one post in steps, each in a try of its own; only the last can be seen.

use super::{Config, lookup, wire};
use crate::errors::{PERMANENT, throttle_for};
use crate::graph::{self, Graph, List};
use crate::posts::{self, Post};
use crate::{AccountError, Capability, Fault, FaultAction, Lookup, LookupQuery, Message, Outcome, Send, http_client};
use domain::content::Network;
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const ITEMS_MAX: usize = 10;
/// Between two looks at a container whose media is being fetched.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long media may take to be fetched before the post has failed (Meta's guide: at most five minutes).
const LOOKS_MAX: u32 = 60;
/// When an account that has posted its fill is looked at again: its day moves along with the clock.
const QUOTA_SECONDS: u64 = 15 * 60;
/// A container that can't be published any more; it is made anew.
const GONE: [&str; 3] = ["2207006", "2207008", "2207020"];

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) graph: Graph,
    pub(super) ig_user_id: String,
}

/// What the tries before have made; nobody sees any of it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// The items of a carousel, in their order.
    children: Vec<String>,
    pub(super) container: Option<String>,
    /// Its media is there: it may be published.
    ready: bool,
    looks: u32,
    /// How often it was begun again.
    anew: u32,
}

impl Progress {
    pub(super) fn of(kept: Option<&serde_json::Value>) -> Self {
        kept.and_then(|kept| Self::deserialize(kept).ok()).unwrap_or_default()
    }
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { graph: config.graph(deadline)?, ig_user_id: config.ig_user_id })
    }

    async fn step(&self, message: &Message) -> Result<Outcome, Fault> {
        let post = posts::on(&message.content, Network::Instagram)?;
        if post.media.is_empty() || post.media.len() > ITEMS_MAX {
            return Err(Fault::content("a post on Instagram needs a picture or a video, and has ten at most"));
        }
        let progress = Progress::of(message.progress.as_ref());
        match &progress.container {
            Some(container) if progress.ready => Ok(self.publish(container, &progress).await),
            Some(container) => self.look(container, &progress).await,
            None => self.make(&post, progress).await,
        }
    }

    /// Makes the container; of a carousel its items first.
    async fn make(&self, post: &Post<'_>, mut progress: Progress) -> Result<Outcome, Fault> {
        if progress.children.is_empty() {
            self.check_quota().await?;
        }
        let container = match post.media.as_slice() {
            [only] => self.create(&wire::single(only, post.text)).await,
            several => {
                let begun = Instant::now();
                for medium in several.iter().skip(progress.children.len()) {
                    if begun.elapsed() > posts::LONGEST_UPLOAD {
                        return Ok(posts::go_on(&progress, Duration::ZERO));
                    }
                    match self.create(&wire::item(medium)).await {
                        Ok(id) => progress.children.push(id),
                        Err(outcome) if progress.children.is_empty() => return Ok(outcome),
                        Err(outcome) => return Ok(posts::kept_so_far(outcome, &progress)),
                    }
                }
                self.create(&wire::carousel(post, &progress.children)).await
            }
        };
        Ok(match container {
            Ok(id) => posts::go_on(&Progress { container: Some(id), ..progress }, LOOK_AGAIN),
            // Items of a carousel may need a moment before it can be made of them.
            Err(outcome) if progress.children.is_empty() => outcome,
            Err(outcome) => posts::kept_so_far(outcome, &progress),
        })
    }

    async fn create(&self, container: &wire::Container<'_>) -> Result<String, Outcome> {
        let request = self.graph.post(&[&self.ig_user_id, "media"]).map_err(Outcome::Refused)?.json(container);
        let made = http_client::call(request, self.graph.deadline, wire::id, graph::fault).await;
        made.map_err(Outcome::of_harmless_step)
    }

    /// Whether the account may post once more today, by its own word.
    async fn check_quota(&self) -> Result<(), Fault> {
        let limits: List<wire::Limit> = self.graph.ask(self.quota()?).await?;
        let Some(limit) = limits.data.first() else { return Ok(()) };
        match limit.config.quota_total {
            Some(total) if limit.quota_usage >= total => {
                Err(Fault::new("2207042", throttle_for(QUOTA_SECONDS), "the account has posted as often as it may in a day"))
            }
            _ => Ok(()),
        }
    }

    fn quota(&self) -> Result<RequestBuilder, Fault> {
        quota(&self.graph, &self.ig_user_id)
    }

    /// Looks whether the container's media is there.
    async fn look(&self, container: &str, progress: &Progress) -> Result<Outcome, Fault> {
        let request = self.graph.get(&[container], &[("fields", "status_code,status")])?;
        let status: wire::ContainerStatus = self.graph.ask(request).await?;
        let next = |ready| Progress {
            children: progress.children.clone(),
            container: Some(container.to_owned()),
            ready,
            looks: progress.looks + 1,
            anew: progress.anew,
        };
        Ok(match status.read() {
            wire::Status::Finished => posts::go_on(&next(true), Duration::ZERO),
            wire::Status::InProgress if progress.looks < LOOKS_MAX => posts::go_on(&next(false), LOOK_AGAIN),
            wire::Status::InProgress => Outcome::Refused(Fault::new("container_slow", PERMANENT, "the media wasn't fetched in time")),
            wire::Status::Expired => again(progress, "EXPIRED"),
            wire::Status::Error => Outcome::Refused(Fault::new("container_error", PERMANENT, &status.status)),
            // By a try whose answer was lost: the look-up finds it.
            wire::Status::Published => Outcome::uncertain(posts::DUPLICATE, "the container was published already"),
        })
    }

    async fn publish(&self, container: &str, progress: &Progress) -> Outcome {
        let request = match self.graph.post(&[&self.ig_user_id, "media_publish"]) {
            Ok(request) => request.form(&[("creation_id", container)]),
            Err(fault) => return Outcome::Refused(fault),
        };
        match posts::publish(request, self.graph.deadline, wire::id, graph::fault).await {
            Outcome::Accepted { provider_message_id, .. } => {
                let permalink = self.permalink(&provider_message_id).await;
                Outcome::Accepted { provider_message_id, permalink }
            }
            Outcome::Refused(fault) if GONE.contains(&fault.code.as_str()) => again(progress, &fault.code),
            outcome => outcome,
        }
    }

    /// Where the post is seen. It is up, whatever comes of this.
    async fn permalink(&self, media: &str) -> Option<String> {
        let request = self.graph.get(&[media], &[("fields", "permalink")]).ok()?;
        let found: wire::Permalink = self.graph.ask(request).await.ok()?;
        found.permalink.filter(|link| link.starts_with("https://"))
    }
}

pub(super) fn quota(graph: &Graph, ig_user_id: &str) -> Result<RequestBuilder, Fault> {
    graph.get(&[ig_user_id, "content_publishing_limit"], &[("fields", "config,quota_usage")])
}

/// Begins again with a new container, a few times at most.
fn again(progress: &Progress, code: &str) -> Outcome {
    const ANEW_MAX: u32 = 2;
    if progress.anew >= ANEW_MAX {
        return Outcome::Refused(Fault::new(code, FaultAction::Permanent, "its container was lost again and again"));
    }
    posts::go_on(&Progress { anew: progress.anew + 1, ..Progress::default() }, LOOK_AGAIN)
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        self.step(message).await.unwrap_or_else(Outcome::Refused)
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
