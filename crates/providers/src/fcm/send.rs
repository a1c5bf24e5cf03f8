//! Sends one notification to one device: a JSON POST with an access token.

use super::{Config, access::Access, errors, wire};
use crate::http_client::{self, Answer};
use crate::settings::endpoint;
use crate::{AccountError, Fault, FaultAction, Message, Outcome, Secret, Send};
use http::StatusCode;
use reqwest::Client;
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;

pub(super) struct Sender {
    endpoint: Url,
    client: Client,
    access: Access,
    deadline: Duration,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        let client = http_client::shared()?;
        let endpoint = endpoint(&config.base_url, &["v1", "projects", &config.project_id, "messages:send"])?;
        Ok(Self { endpoint, access: Access::new(config, client.clone(), deadline), client, deadline })
    }

    /// One call, with the access token of the moment.
    ///
    /// # Errors
    /// When there is no access token, or no whole answer.
    pub(super) async fn post(&self, body: &Value) -> Result<(Answer, Secret), Outcome> {
        let token = self.access.token().await.map_err(Outcome::Refused)?;
        let request = self.client.post(self.endpoint.clone()).bearer_auth(token.expose()).json(body);
        Ok((http_client::answer(request, self.deadline).await?, token))
    }

    /// The same; an access token that Google doesn't know any more is replaced once. A refusal sends nothing, so nothing goes twice.
    pub(super) async fn call(&self, body: &Value) -> Result<Answer, Outcome> {
        let (answer, token) = self.post(body).await?;
        if answer.status != StatusCode::UNAUTHORIZED || wire::error(&answer).fcm_code().is_some() {
            return Ok(answer);
        }
        self.access.forget(&token);
        Ok(self.post(body).await?.0)
    }

    #[cfg(test)]
    pub(super) fn with_token(self, token: &str, life: Duration) -> Self {
        Self { access: self.access.with(token, life), ..self }
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let body = match wire::request(message, OffsetDateTime::now_utc().unix_timestamp()) {
            Ok(body) => body,
            Err(fault) => return Outcome::Refused(fault),
        };
        match self.call(&body).await {
            Ok(answer) => outcome(&answer),
            Err(outcome) => outcome,
        }
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let status = answer.status;
    if status.is_success() {
        return match wire::message_id(answer) {
            Some(provider_message_id) => Outcome::Accepted { provider_message_id, permalink: None },
            None => Outcome::uncertain("garbage", "the provider said yes in an unreadable way"),
        };
    }
    let code = format!("http_{}", status.as_u16());
    match status {
        // Firebase's own word for "come again" is a refusal; anybody's 5xx but that may have let the message through.
        _ if status.is_server_error() && errors::is_overloaded(answer) => Outcome::Refused(errors::fault(answer)),
        _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Outcome::uncertain(code, "the provider had an error of its own")
        }
        _ if status.is_redirection() => {
            Outcome::Refused(Fault::new(code, FaultAction::PauseSender, "the address in base_url sends elsewhere: correct it"))
        }
        _ => Outcome::Refused(errors::fault(answer)),
    }
}
