//! What Twilio can be asked about an account: whether its credentials and its Messaging Service are good, who must not be written to.
//!
//! Services and deactivated numbers are at a host of their own, `messaging.twilio.com`.

use super::{Config, errors, opt_outs, templates};
use crate::http_client::{self, Answer};
use crate::settings::endpoint;
use crate::{AccountError, Checked, Fault, Manage, RemoteOptOut, RemoteTemplate};
use domain::Channel;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;

#[derive(Debug)]
pub(super) struct Manager {
    pub(super) config: Config,
    channel: Channel,
    client: Client,
    pub(super) deadline: Duration,
}

impl Manager {
    pub(super) fn new(config: Config, channel: Channel, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { config, channel, client: http_client::shared()?, deadline })
    }

    /// An address at the host of Messaging Services.
    pub(super) fn messaging(&self, path: &[&str]) -> Result<Url, Fault> {
        endpoint(&self.config.messaging_url, path).map_err(|_| Fault::content("messaging_url can't be used"))
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url).basic_auth(&self.config.account_sid, Some(self.config.auth_token.expose()))
    }

    async fn ask(&self, url: Url) -> Result<Answer, Fault> {
        http_client::ask(self.get(url), self.deadline, errors::fault).await
    }

    /// The shortest list of messages: an account that may read it may write it.
    async fn credentials(&self) -> Result<(), Fault> {
        let path = ["2010-04-01", "Accounts", &self.config.account_sid, "Messages.json"];
        let mut url = endpoint(&self.config.base_url, &path).map_err(|_| Fault::content("base_url can't be used"))?;
        url.query_pairs_mut().append_pair("PageSize", "1");
        self.ask(url).await.map(drop)
    }

    async fn service(&self, sid: &str) -> Result<String, Fault> {
        #[derive(Deserialize)]
        struct Service {
            friendly_name: Option<String>,
        }
        let answer = self.ask(self.messaging(&["v1", "Services", sid])?).await?;
        let service: Service = serde_json::from_slice(&answer.body)
            .map_err(|_| Fault::new("garbage", crate::errors::RETRY, "what Twilio says of the Messaging Service can't be read"))?;
        Ok(service.friendly_name.unwrap_or_default())
    }
}

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        self.credentials().await?;
        let handle = match &self.config.messaging_service_sid {
            Some(sid) => self.service(sid).await?,
            None => self.config.from.clone().unwrap_or_default(),
        };
        Ok(Checked { handle, external_id: self.config.account_sid.clone(), ..Checked::default() })
    }

    async fn opt_outs(&self, since: OffsetDateTime) -> Result<Option<Vec<RemoteOptOut>>, Fault> {
        if self.channel != Channel::Sms {
            return Ok(None);
        }
        opt_outs::read(self, since, OffsetDateTime::now_utc()).await.map(Some)
    }

    async fn templates(&self) -> Result<Option<Vec<RemoteTemplate>>, Fault> {
        if self.channel != Channel::Whatsapp {
            return Ok(None);
        }
        templates::read(self).await.map(Some)
    }
}
