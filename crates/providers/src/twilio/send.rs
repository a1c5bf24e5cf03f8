//! Sends one message: a form POST with basic authentication.

use super::{Config, errors, wire};
use crate::settings::endpoint;
use crate::{AccountError, Message, Outcome, Send, http_client};
use domain::Channel;
use reqwest::Client;
use std::time::Duration;
use url::Url;

#[derive(Debug)]
pub(super) struct Sender {
    config: Config,
    channel: Channel,
    endpoint: Url,
    client: Client,
    deadline: Duration,
}

impl Sender {
    pub(super) fn new(config: Config, channel: Channel, deadline: Duration) -> Result<Self, AccountError> {
        let path = ["2010-04-01", "Accounts", &config.account_sid, "Messages.json"];
        Ok(Self { endpoint: endpoint(&config.base_url, &path)?, client: http_client::shared()?, config, channel, deadline })
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let form = match wire::form(&self.config, self.channel, message) {
            Ok(form) => form,
            Err(fault) => return Outcome::Refused(fault),
        };
        let request =
            self.client.post(self.endpoint.clone()).basic_auth(&self.config.account_sid, Some(self.config.auth_token.expose())).form(&form);
        let outcome = http_client::exchange(request, self.deadline, wire::message_sid, errors::fault).await;
        match outcome {
            Outcome::Refused(fault) if fault.code == errors::PROVIDER_TIMEOUT => Outcome::Uncertain(fault),
            outcome => outcome,
        }
    }
}
