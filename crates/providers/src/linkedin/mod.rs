//! LinkedIn: posts of a person or an organization with text, a page shown with it, one picture or several.
//!
//! Pictures are fetched by us, from public addresses alone, and uploaded in a try of their own; the post follows in the next. The text
//! is in LinkedIn's little-text format. Nothing is reported back; what was lost is looked for among the author's posts.
//! Versions of the interface end about a year after they came: the version is a setting, and 426 pauses the sender.
//! Not here: videos, documents, comments.
//! Sources: LinkedIn publishes no machine-readable description. Endpoint, headers and body are from its Posts API page; the upload of
//! pictures, the author's list, error texts and the escaping are less sure, and the list isn't in the file we keep.

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

const BASE_URL: &str = "https://api.linkedin.com";
const VERSION: &str = "202608";

pub static PROVIDER: Provider = Provider {
    slug: "linkedin",
    channels: &[Channel::Social],
    settings: &[
        Field::optional("author", "urn:li:organization:… or urn:li:person:…; chosen when the account is connected in the browser"),
        Field::optional("version", "the interface's version as YYYYMM; 202608 unless set"),
        Field::optional("base_url", "another address than https://api.linkedin.com"),
        oauth::CLIENT_ID,
        oauth::AUTHORIZE_URL,
        oauth::TOKEN_URL,
    ],
    secrets: &[
        Field::optional(oauth::ACCESS_TOKEN, "a token with w_organization_social or w_member_social; lives 60 days"),
        Field::optional(oauth::REFRESH_TOKEN, "with which new tokens are fetched, where LinkedIn gives the app one"),
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
        return Err(AccountError::new("channel", "LinkedIn carries social only"));
    }
    Ok(Arc::new(send::Sender { api }))
}

/// The interface with one author's token.
#[derive(Debug, Clone)]
struct Api {
    author: String,
    version: String,
    base_url: Url,
    access_token: Secret,
    client: Client,
    deadline: Duration,
}

impl Api {
    fn read(account: &Account, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self {
            author: account.required("author", is_author, "connect the account, or enter urn:li:organization:… or urn:li:person:…")?,
            version: version(account)?,
            base_url: account.base_url(BASE_URL)?,
            access_token: account.token(oauth::ACCESS_TOKEN, "connect the account, or enter an access token")?,
            client: http_client::shared()?,
            deadline,
        })
    }

    fn call(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Fault> {
        let url = endpoint(&self.base_url, path).map_err(|error| Fault::content(&error.remedy))?;
        let request = self.client.request(method, url).bearer_auth(self.access_token.expose());
        Ok(request.header("LinkedIn-Version", &self.version).header("X-Restli-Protocol-Version", "2.0.0"))
    }

    /// Asks, and reads the answer.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let answer = http_client::ask(request, self.deadline, errors::fault).await?;
        serde_json::from_slice(&answer.body).map_err(|_| posts::unreadable())
    }
}

/// The version that is set, or ours.
fn version(account: &Account) -> Result<String, AccountError> {
    let fits = |text: &str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
    Ok(account.optional("version", fits, "enter a version as YYYYMM, such as 202608")?.unwrap_or_else(|| VERSION.to_owned()))
}

fn is_author(text: &str) -> bool {
    let id = text.strip_prefix("urn:li:organization:").or_else(|| text.strip_prefix("urn:li:person:"));
    id.is_some_and(|id| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))
}
