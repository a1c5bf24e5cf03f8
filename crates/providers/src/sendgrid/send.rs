//! Sends e-mails: a JSON POST with a bearer token, for one of them or for many.

use super::{
    Config, batch, errors,
    wire::{self, Letter, Request},
};
use crate::http_client::Answer;
use crate::settings::endpoint;
use crate::{AccountError, Fault, FaultAction, Message, Outcome, Send, http_client};
use reqwest::Client;
use std::{collections::BTreeMap, time::Duration};
use url::Url;

#[derive(Debug)]
pub(super) struct Sender {
    config: Config,
    endpoint: Url,
    client: Client,
    deadline: Duration,
}

/// A call that certainly carried nothing.
pub(super) struct Refusal {
    pub fault: Fault,
    /// What it says of single messages, by their place in the call.
    pub named: BTreeMap<usize, Fault>,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { endpoint: endpoint(&config.base_url, &["v3", "mail", "send"])?, client: http_client::shared()?, config, deadline })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Makes one call: the id that SendGrid gave it, empty if it gave none.
    ///
    /// # Errors
    /// What became of it instead; for a refusal with what it says of single messages.
    pub(super) async fn call(&self, body: &Request<'_>, deadline: Duration) -> Result<String, Result<Refusal, Outcome>> {
        let request = self.client.post(self.endpoint.clone()).bearer_auth(self.config.api_key.expose()).json(body);
        let mut named = BTreeMap::new();
        let refused = |answer: &Answer| {
            named = errors::by_place(answer);
            errors::fault(answer)
        };
        match http_client::call(request, deadline, wire::message_id, refused).await {
            Ok(id) => Ok(id),
            Err(Outcome::Refused(fault)) => Err(Ok(Refusal { fault, named })),
            Err(outcome) => Err(Err(outcome)),
        }
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let letter = match Letter::of(message) {
            Ok(letter) => letter,
            Err(fault) => return Outcome::Refused(fault),
        };
        match self.call(&wire::single(&self.config, &letter), self.deadline).await {
            // If the id is missing, our own correlation stands in for it.
            Ok(id) if id.is_empty() => Outcome::accepted(message.correlation.clone()),
            Ok(id) => Outcome::accepted(id),
            Err(Ok(refusal)) => Outcome::Refused(refusal.fault),
            Err(Err(outcome)) => outcome,
        }
    }

    fn batch(&self) -> usize {
        self.config.batch_size
    }

    async fn send_batch(&self, messages: &[Message]) -> Vec<Outcome> {
        batch::send(self, messages).await
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}
