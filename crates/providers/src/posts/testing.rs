//! What the networks' tests share.

use crate::conformance::{
    lookups::query,
    message,
    stub::{Protocol, Stub, Then},
};
use crate::{Account, Message, Secret, Send};
use crate::{LookupQuery, Outcome};
use contracts::Call;
use domain::content::{Rendered, SocialVariant};
use serde_json::Value;

/// A post with a text and pictures that are described.
pub(crate) fn post(text: &str, media: &[&str]) -> SocialVariant {
    SocialVariant {
        text: text.to_owned(),
        media_urls: media.iter().map(|url| (*url).to_owned()).collect(),
        alt_texts: media.iter().map(|_| "A picture".to_owned()).collect(),
        ..SocialVariant::default()
    }
}

pub(crate) fn to_post(post: SocialVariant, progress: Option<Value>) -> Message {
    Message { progress, ..message("acme", Rendered::Social(post)) }
}

/// What is asked about that post.
pub(crate) fn asked(post: SocialVariant, progress: Option<Value>) -> LookupQuery {
    LookupQuery { content: Some(Rendered::Social(post)), progress, ..query("acme", None) }
}

pub(crate) fn account(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Account {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Account {
        settings: settings.iter().map(text).collect(),
        secrets: secrets.iter().map(text).map(|(name, value)| (name, Secret::new(value))).collect(),
    }
}

pub(crate) fn calls(stub: &Stub) -> Vec<Call> {
    stub.steps().iter().chain(&stub.requests()).map(|request| Call::read(request)).collect()
}

/// What became of a post at a stand-in with those answers, and the requests that were made, steps first.
pub(crate) async fn sent(
    sender: impl FnOnce(std::net::SocketAddr) -> std::sync::Arc<dyn Send>,
    message: &Message,
    before: Vec<(&'static str, Vec<u8>)>,
    answer: Vec<u8>,
) -> (Outcome, Vec<Call>) {
    let stub = Stub::stepped(Protocol::Http, before, Then::Reply(answer)).await;
    let outcome = sender(stub.addr).send(message).await;
    (outcome, calls(&stub))
}

pub(crate) fn pending(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Pending { progress, .. } => progress,
        other => panic!("must be pending: {other:?}"),
    }
}
