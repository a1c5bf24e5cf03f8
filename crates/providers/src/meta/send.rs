//! Sends one message: a JSON POST with a bearer token, and where Meta refuses it for its kind, one more to its other endpoint.

use super::{
    Config, errors, media,
    route::{Routes, Sent},
    wire::{self, Route},
};
use crate::errors::RETRY;
use crate::settings::{endpoint, is_e164};
use crate::{AccountError, Fault, FaultAction, Message, Outcome, Send, http_client};
use domain::content::Rendered;
use reqwest::Client;
use std::time::{Duration, Instant};
use url::Url;

/// Less than this is no time for a call: its answer would hardly come.
const LEAST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) config: Config,
    messages: Url,
    marketing: Url,
    pub(super) client: Client,
    pub(super) deadline: Duration,
    routes: Routes,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        let at = |route: Route| endpoint(&config.base_url, &[config.version.as_str(), &config.phone_number_id, route.end()]);
        let (messages, marketing) = (at(Route::Messages)?, at(Route::Marketing)?);
        Ok(Self { messages, marketing, client: http_client::shared()?, config, deadline, routes: Routes::default() })
    }

    async fn post(&self, route: Route, message: &Message, within: Duration) -> Outcome {
        let body = match wire::request(&self.config, route, message) {
            Ok(body) => body,
            Err(fault) => return Outcome::Refused(fault),
        };
        let url = if route == Route::Marketing { &self.marketing } else { &self.messages };
        let request = self.client.post(url.clone()).bearer_auth(self.config.access_token.expose()).json(&body);
        let refused = |answer: &_| errors::fault(answer).with_ladder(self.config.marketing_waits);
        http_client::exchange_by_code(request, within, wire::message_id, refused, |fault| errors::is_certain(&fault.code)).await
    }

    async fn send_template(&self, message: &Message) -> Outcome {
        let template = match wire::template(message) {
            Ok(template) => template,
            Err(fault) => return Outcome::Refused(fault),
        };
        let sent = Sent { template: &template.name, category: &template.category, to_number: is_e164(&message.to) };
        let (how, began) = (self.config.marketing, Instant::now());
        let first = self.routes.first(how, sent, began);
        let outcome = self.post(first, message, self.deadline).await;
        // Only a clear no may be followed by another try: anything else could send it twice.
        let Outcome::Refused(fault) = &outcome else { return outcome };
        let Some(other) = self.routes.after(how, sent, first, &fault.code, began) else { return outcome };
        tracing::info!(code = fault.code, to = other.end(), "Meta takes this template at its other endpoint");
        let left = self.deadline.saturating_sub(began.elapsed());
        if left < LEAST.min(self.deadline / 2) {
            return Outcome::Refused(Fault::new(
                fault.code.clone(),
                RETRY,
                "Meta takes this template at its other endpoint: tried there next",
            ));
        }
        self.post(other, message, left).await
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        match &message.content {
            Rendered::Free(_) => self.post(Route::Messages, message, self.deadline).await,
            _ => self.send_template(message).await,
        }
    }

    fn keeps_media(&self) -> bool {
        self.config.media_by_id
    }

    async fn keep_media(&self, media_type: &str, bytes: &[u8]) -> Result<String, Fault> {
        media::upload(self, media_type, bytes).await
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code).map(|action| action.with_ladder(self.config.marketing_waits))
    }
}
