//! Facebook pages: posts with text, a link, one picture or several.
//!
//! One picture is a photo of its own; several are uploaded unpublished first and then hung on a post, so a try goes on where the one
//! before ended. Nothing is reported back, so a post that was taken is all that is known. What was lost is looked for in the page's feed.
//! Not here: videos, stories, comments, scheduling at Facebook.
//! Sources: Meta's API specification of Page and PagePost (v25.0); the flow of several pictures is the guide's and not in that file. The
//! node of the page itself, which the test of a connection reads, isn't in it either.

mod connect;
mod lookup;
mod manage;
mod send;
mod wire;

#[cfg(test)]
mod tests;

use crate::graph::{self, Graph};
use crate::http_client::DEADLINE;
use crate::registry::{Field, Provider};
use crate::{Account, AccountError, Connect, Manage, Secret, Send, oauth};
use domain::Channel;
use std::{sync::Arc, time::Duration};

pub static PROVIDER: Provider = Provider {
    slug: "facebook",
    channels: &[Channel::Social],
    settings: &[
        Field::optional("page_id", "the page's id (digits); chosen when the account is connected in the browser"),
        Field::optional("version", "the Graph API's version; v25.0 unless set"),
        Field::optional("base_url", "another address than https://graph.facebook.com"),
        oauth::CLIENT_ID,
        oauth::AUTHORIZE_URL,
        oauth::TOKEN_URL,
    ],
    secrets: &[
        Field::optional(
            oauth::ACCESS_TOKEN,
            "a page access token with pages_manage_posts and pages_read_engagement; connecting in the browser fetches one",
        ),
        oauth::CLIENT_SECRET,
    ],
    sender: |account, channel| sender(account, channel, DEADLINE),
    manage: Some(|account, _| Ok(Arc::new(manage::Manager::new(Config::read(account)?, DEADLINE)?) as Arc<dyn Manage>)),
    connect: Some(|account| Ok(Arc::new(connect::Connector::new(account)?) as Arc<dyn Connect>)),
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "Facebook carries social only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    page_id: String,
    version: String,
    base_url: url::Url,
    access_token: Secret,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        Ok(Self {
            page_id: account.required("page_id", graph::is_id, "connect the account, or enter the page's id: digits only")?,
            version: graph::version(account)?,
            base_url: account.base_url(graph::BASE_URL)?,
            access_token: account.token(oauth::ACCESS_TOKEN, "connect the account, or enter a page access token")?,
        })
    }

    fn graph(&self, deadline: Duration) -> Result<Graph, AccountError> {
        Graph::new(self.base_url.clone(), self.version.clone(), self.access_token.clone(), deadline)
    }
}
