//! X: posts with text and up to four pictures.
//!
//! Pictures are fetched by us, from public addresses alone, and uploaded in a try of their own; the post follows in the next. Nothing
//! is reported back. What was lost is looked for in the account's own posts. Access tokens live two hours and refresh tokens work once.
//! Not here: videos, replies, polls, threads.
//! Sources: X's OpenAPI description 2.167. The list of an account's posts isn't in the file we keep (`GET /2/users/{id}/tweets`), nor is
//! how X words a repetition; both are from its documentation.

mod connect;
mod errors;
mod lookup;
mod manage;
mod send;
mod upload;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::{self, DEADLINE};
use crate::registry::{Field, Provider};
use crate::settings::endpoint;
use crate::{Account, AccountError, Connect, Fault, Manage, Secret, Send, oauth, posts};
use domain::Channel;
use reqwest::{Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://api.x.com";

pub static PROVIDER: Provider = Provider {
    slug: "x",
    channels: &[Channel::Social],
    settings: &[
        Field::optional("user_id", "the account's id (digits); read from the token unless set"),
        Field::optional("base_url", "another address than https://api.x.com"),
        oauth::CLIENT_ID,
        oauth::AUTHORIZE_URL,
        oauth::TOKEN_URL,
    ],
    secrets: &[
        Field::optional(
            oauth::ACCESS_TOKEN,
            "an OAuth 2.0 user token with tweet.read, tweet.write, users.read and media.write; lives two hours",
        ),
        Field::optional(oauth::REFRESH_TOKEN, "with which new tokens are fetched; the app needs offline.access"),
        oauth::CLIENT_SECRET,
    ],
    sender: |account, channel| sender(account, channel, DEADLINE),
    manage: Some(|account, _| Ok(Arc::new(manage::Manager(Api::read(account, DEADLINE)?)) as Arc<dyn Manage>)),
    connect: Some(|account| Ok(Arc::new(connect::Connector::new(account)?) as Arc<dyn Connect>)),
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let api = Api::read(account, deadline)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "X carries social only"));
    }
    Ok(Arc::new(send::Sender { api }))
}

/// The interface with one account's token.
#[derive(Debug, Clone)]
struct Api {
    user_id: Option<String>,
    base_url: Url,
    access_token: Secret,
    client: Client,
    deadline: Duration,
}

impl Api {
    fn read(account: &Account, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self {
            user_id: account.optional("user_id", is_id, "enter the account's id: digits only, and not its name")?,
            base_url: account.base_url(BASE_URL)?,
            access_token: account.token(oauth::ACCESS_TOKEN, "connect the account, or enter an access token")?,
            client: http_client::shared()?,
            deadline,
        })
    }

    fn call(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Fault> {
        let url = endpoint(&self.base_url, path).map_err(|error| Fault::content(&error.remedy))?;
        Ok(self.client.request(method, url).bearer_auth(self.access_token.expose()))
    }

    /// Asks, and reads the answer.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let answer = http_client::ask(request, self.deadline, errors::fault).await?;
        serde_json::from_slice(&answer.body).map_err(|_| posts::unreadable())
    }
}

/// X's ids: up to 19 digits.
fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
