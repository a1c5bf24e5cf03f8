//! What Mailgun can be asked about a domain: whether it may send, and who is on its suppression lists.

use super::{Config, errors};
use crate::errors::{PAUSE, RETRY};
use crate::http_client;
use crate::settings::endpoint;
use crate::{AccountError, Checked, Fault, Manage, RemoteOptOut, RemoteOptOutKind};
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::Url;

const PAGE: usize = 1_000;
/// Pages of one list that are read at most: a list is 200,000 addresses.
const MAX_PAGES: usize = 200;

const LISTS: [(&str, RemoteOptOutKind); 3] =
    [("unsubscribes", RemoteOptOutKind::OptedOut), ("complaints", RemoteOptOutKind::Complained), ("bounces", RemoteOptOutKind::Invalid)];

#[derive(Debug)]
pub(super) struct Manager {
    config: Config,
    client: Client,
    deadline: Duration,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    next: String,
}

#[derive(Deserialize)]
struct Item {
    address: String,
    #[serde(default)]
    created_at: String,
}

impl Manager {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { config, client: http_client::shared()?, deadline })
    }

    fn url(&self, segments: &[&str]) -> Result<Url, Fault> {
        endpoint(&self.config.base_url, segments).map_err(|error| Fault::content(&error.remedy))
    }

    async fn ask<T: DeserializeOwned>(&self, url: Url) -> Result<T, Fault> {
        let request = self.client.get(url).basic_auth("api", Some(self.config.api_key.expose()));
        let answer = http_client::ask(request, self.deadline, errors::fault).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Fault::new("garbage", RETRY, "Mailgun's answer can't be read"))
    }

    async fn list(&self, name: &'static str, kind: RemoteOptOutKind, since: OffsetDateTime) -> Result<Vec<RemoteOptOut>, Fault> {
        let mut url = self.url(&["v3", &self.config.domain, name])?;
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let page: Page = self.ask(url.clone()).await?;
            if page.items.is_empty() {
                return Ok(found);
            }
            found.extend(page.items.into_iter().filter_map(|item| {
                let at = OffsetDateTime::parse(&item.created_at.replace(" UTC", " +0000"), &Rfc2822).ok();
                // An entry without a readable time may be new.
                at.is_none_or(|at| at >= since).then(|| RemoteOptOut { address: item.address, kind, source: name.to_owned(), since: at })
            }));
            // Only its query is taken: the credentials go nowhere but to the account's own address.
            let next = Url::parse(&page.paging.next).map_err(|_| Fault::new("garbage", RETRY, "where the list goes on can't be read"))?;
            url.set_query(next.query());
        }
        Err(Fault::new("too_many", RETRY, "a suppression list is longer than what is read at once"))
    }
}

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        #[derive(Deserialize)]
        struct Body {
            domain: Domain,
        }
        #[derive(Deserialize)]
        struct Domain {
            name: String,
            state: String,
        }
        let Body { domain } = self.ask(self.url(&["v3", "domains", &self.config.domain])?).await?;
        match domain.state.as_str() {
            "active" => Ok(Checked { handle: self.config.from.to_string(), external_id: domain.name, ..Checked::default() }),
            state => Err(Fault::new(format!("domain_{state}"), PAUSE, "Mailgun doesn't let the domain send: see its settings there")),
        }
    }

    async fn opt_outs(&self, since: OffsetDateTime) -> Result<Option<Vec<RemoteOptOut>>, Fault> {
        let mut all = Vec::new();
        for (name, kind) in LISTS {
            all.extend(self.list(name, kind, since).await?);
        }
        Ok(Some(all))
    }
}
