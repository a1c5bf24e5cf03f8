//! Every request that an adapter makes, held against what its provider publishes; every answer that the provider publishes, read; every code
//! of its table, acted upon.
//!
//! All of it goes over the wire, and through what the registry hands out: nothing here knows the inside of an adapter.

mod actions;
mod meta;
mod sendgrid;
mod twilio;

use crate::conformance::stub::{Protocol, Stub, Then};
use crate::{Account, Lookup, LookupQuery, Manage, Message, Outcome, Secret, find};
use contracts::Call;
use domain::{Channel, content::Rendered};
use serde_json::Value;
use std::sync::Arc;

type Pairs = Vec<(&'static str, String)>;

/// An account of a provider as the registry makes it, with a stand-in for the provider.
#[derive(Clone)]
struct Bench {
    slug: &'static str,
    channel: Channel,
    settings: Pairs,
    secrets: Pairs,
    /// Settings that are addresses at the stand-in, each with its path.
    addresses: Vec<(&'static str, &'static str)>,
    /// What is asked before the request that the test is about, by the beginning of the request, and the answer.
    before: Vec<(&'static str, Vec<u8>)>,
}

impl Bench {
    fn new(slug: &'static str, channel: Channel, settings: &[(&'static str, &str)], secrets: &[(&'static str, &str)]) -> Self {
        let owned = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (settings, secrets) = (owned(settings), owned(secrets));
        Self { slug, channel, settings, secrets, addresses: vec![("base_url", "")], before: Vec::new() }
    }

    /// The same account with other settings besides or instead.
    fn with(&self, more: &[(&'static str, &str)]) -> Self {
        let mut other = self.clone();
        other.settings.retain(|(name, _)| more.iter().all(|(new, _)| new != name));
        other.settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        other
    }

    fn account(&self, stub: &Stub) -> Account {
        let own = self.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let addresses = self.addresses.iter().map(|(name, path)| ((*name).to_owned(), format!("http://{}{path}", stub.addr)));
        let secrets = self.secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.clone())));
        Account { settings: own.chain(addresses).collect(), secrets: secrets.collect() }
    }

    async fn stand_in(&self, answer: &[u8]) -> Stub {
        Stub::stepped(Protocol::Http, self.before.clone(), Then::Reply(answer.to_vec())).await
    }

    /// What became of a message that is answered so, and the requests that were made, each as it is described.
    async fn send(&self, message: &Message, answer: &[u8]) -> (Outcome, Vec<Call>) {
        let stub = self.stand_in(answer).await;
        let sender = (find(self.slug).unwrap().sender)(&self.account(&stub), self.channel).unwrap();
        let outcome = sender.send(message).await;
        (outcome, self.judged(&stub))
    }

    async fn look_up(&self, query: &LookupQuery, answer: &[u8]) -> (Lookup, Vec<Call>) {
        let stub = self.stand_in(answer).await;
        let sender = (find(self.slug).unwrap().sender)(&self.account(&stub), self.channel).unwrap();
        let lookup = sender.lookup(query).await;
        (lookup, self.judged(&stub))
    }

    /// What the account's manager makes of such an answer.
    async fn manage<T>(&self, answer: &[u8], ask: impl AsyncFnOnce(Arc<dyn Manage>) -> T) -> (T, Vec<Call>) {
        let stub = self.stand_in(answer).await;
        let manage = find(self.slug).unwrap().manage.unwrap();
        let said = ask(manage(&self.account(&stub), self.channel).unwrap()).await;
        (said, self.judged(&stub))
    }

    fn judged(&self, stub: &Stub) -> Vec<Call> {
        let calls: Vec<Call> = stub.steps().iter().chain(&stub.requests()).map(|request| Call::read(request)).collect();
        contracts::assert_requests(self.slug, &calls);
        calls
    }
}

/// A message with this content, written as it is stored.
fn message(to: &str, content: Value) -> Message {
    crate::conformance::message(to, serde_json::from_value::<Rendered>(content).unwrap())
}

/// A published answer, as a server gives it.
fn json_answer(status: u16, body: &[u8]) -> Vec<u8> {
    crate::conformance::stub::http(status, &[("Content-Type", "application/json")], body)
}

fn refused(outcome: Outcome) -> crate::Fault {
    match outcome {
        Outcome::Refused(fault) => fault,
        other => panic!("must be refused: {other:?}"),
    }
}

fn accepted(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { provider_message_id, .. } => provider_message_id,
        other => panic!("must be accepted: {other:?}"),
    }
}
