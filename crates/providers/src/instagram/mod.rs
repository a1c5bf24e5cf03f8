//! Instagram professional accounts: a picture, a reel, or a carousel of up to ten.
//!
//! A post goes through a container: it is made (once the account's quota for the day allows it), polled until its media is fetched, and
//! published in a try that does nothing else. Each step is a try of its own, so that what a crash costs is a container, never a second
//! post. Nothing is reported back. After a lost answer the container says whether it was published.
//! Not here: stories, tags of people and places, comments.
//! Sources: Meta's API specification of IGUser and IGMedia (v25.0); the container's status and the nodes of the account and its media
//! are the guide's. Instagram fetches the media itself: its link must be public.

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
    slug: "instagram",
    channels: &[Channel::Social],
    settings: &[
        Field::optional("ig_user_id", "the professional account's id (digits); chosen when it is connected in the browser"),
        Field::optional("version", "the Graph API's version; v25.0 unless set"),
        Field::optional("base_url", "another address than https://graph.facebook.com, such as https://graph.instagram.com"),
        oauth::CLIENT_ID,
        oauth::AUTHORIZE_URL,
        oauth::TOKEN_URL,
    ],
    secrets: &[
        Field::optional(
            oauth::ACCESS_TOKEN,
            "a token with instagram_basic and instagram_content_publish; connecting in the browser fetches one",
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
        return Err(AccountError::new("channel", "Instagram carries social only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    ig_user_id: String,
    version: String,
    base_url: url::Url,
    access_token: Secret,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        Ok(Self {
            ig_user_id: account.required("ig_user_id", graph::is_id, "connect the account, or enter its id: digits only")?,
            version: graph::version(account)?,
            base_url: account.base_url(graph::BASE_URL)?,
            access_token: account.token(oauth::ACCESS_TOKEN, "connect the account, or enter an access token")?,
        })
    }

    fn graph(&self, deadline: Duration) -> Result<Graph, AccountError> {
        Graph::new(self.base_url.clone(), self.version.clone(), self.access_token.clone(), deadline)
    }
}
