//! Sends one message: a form POST with basic authentication.

use super::{Config, errors, lookup, sms, wire};
use crate::settings::endpoint;
use crate::{AccountError, Capability, Cost, FaultAction, Lookup, LookupQuery, Message, Outcome, Send, http_client};
use domain::Channel;
use reqwest::{Client, RequestBuilder};
use std::time::Duration;
use url::Url;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) config: Config,
    pub(super) channel: Channel,
    pub(super) endpoint: Url,
    pub(super) client: Client,
    pub(super) deadline: Duration,
}

impl Sender {
    pub(super) fn new(config: Config, channel: Channel, deadline: Duration) -> Result<Self, AccountError> {
        let path = ["2010-04-01", "Accounts", &config.account_sid, "Messages.json"];
        Ok(Self { endpoint: endpoint(&config.base_url, &path)?, client: http_client::shared()?, config, channel, deadline })
    }

    pub(super) fn signed_in(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.config.account_sid, Some(self.config.auth_token.expose()))
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let form = match wire::form(&self.config, self.channel, message) {
            Ok(form) => form,
            Err(fault) => return Outcome::Refused(fault),
        };
        let request = self.signed_in(self.client.post(self.endpoint.clone())).form(&form);
        let refused = |answer: &_| errors::fault(answer).with_ladder(self.config.marketing_waits);
        let outcome = http_client::exchange(request, self.deadline, wire::message_sid, refused).await;
        match outcome {
            Outcome::Refused(fault) if fault.code == errors::PROVIDER_TIMEOUT => Outcome::Uncertain(fault),
            outcome => outcome,
        }
    }

    fn cost(&self, message: &Message) -> Option<Cost> {
        sms::cost(&self.config, message).filter(|_| self.channel == Channel::Sms)
    }

    fn capability(&self) -> Capability {
        Capability::Lookup
    }

    async fn lookup(&self, query: &LookupQuery) -> Lookup {
        lookup::ask(self, query).await
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code).map(|action| action.with_ladder(self.config.marketing_waits))
    }
}
