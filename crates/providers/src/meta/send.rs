//! Sends one template message: a JSON POST with a bearer token.

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
        let path = [config.version.as_str(), &config.phone_number_id, "messages"];
        Ok(Self { endpoint: endpoint(&config.base_url, &path)?, client: http_client::shared()?, config, deadline })
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let body = match wire::request(message) {
            Ok(body) => body,
            Err(fault) => return Outcome::Refused(fault),
        };
        let request = self.client.post(self.endpoint.clone()).bearer_auth(self.config.access_token.expose()).json(&body);
        let refused = |answer: &_| errors::fault(answer).with_ladder(self.config.marketing_waits);
        http_client::exchange(request, self.deadline, wire::message_id, refused).await
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code).map(|action| action.with_ladder(self.config.marketing_waits))
    }
}
