//! Sends one e-mail: a JSON POST with a bearer token.

use super::{Config, errors, wire};
use crate::settings::endpoint;
use crate::{AccountError, FaultAction, Message, Outcome, Send, http_client};
use reqwest::Client;
use std::time::Duration;
use url::Url;

#[derive(Debug)]
pub(super) struct Sender {
    config: Config,
    endpoint: Url,
    client: Client,
    deadline: Duration,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { endpoint: endpoint(&config.base_url, &["v3", "mail", "send"])?, client: http_client::shared()?, config, deadline })
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let body = match wire::request(&self.config, message) {
            Ok(body) => body,
            Err(fault) => return Outcome::Refused(fault),
        };
        let request = self.client.post(self.endpoint.clone()).bearer_auth(self.config.api_key.expose()).json(&body);
        let accepted = |answer: &_| wire::message_id(answer, message);
        http_client::exchange(request, self.deadline, accepted, errors::fault).await
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}
