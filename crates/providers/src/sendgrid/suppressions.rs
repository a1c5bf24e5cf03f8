//! Who is on SendGrid's suppression lists, read from time to time: what happened while no event reached the hub.

use super::{
    Config, errors,
    wire::{self, Letter},
};
use crate::errors::RETRY;
use crate::http_client::{self, Answer};
use crate::manage::{Checked, Manage, RemoteOptOut, RemoteOptOutKind};
use crate::settings::endpoint;
use crate::{AccountError, Fault, Message, Outcome};
use domain::content::{EmailVariant, Rendered};
use http::StatusCode;
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;

/// SendGrid gives 500 at most; with long reasons so many would be more than an answer may have here.
const PAGE: usize = 200;
/// Pages of one list that are read at most: a list is 100,000 addresses since the last look.
const MAX_PAGES: usize = 500;

/// The lists, and what being on one means. Bounces are read by their reason.
const LISTS: [(&str, RemoteOptOutKind); 4] = [
    ("unsubscribes", RemoteOptOutKind::OptedOut),
    ("spam_reports", RemoteOptOutKind::Complained),
    ("invalid_emails", RemoteOptOutKind::Invalid),
    ("bounces", RemoteOptOutKind::Invalid),
];

#[derive(Debug)]
pub(super) struct Lists {
    config: Config,
    client: Client,
    deadline: Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Suppressed {
    email: String,
    /// Unix seconds.
    created: i64,
    /// Of a bounce: the enhanced status, where there is one.
    status: String,
    reason: String,
}

impl Lists {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { client: http_client::shared()?, config, deadline })
    }

    async fn ask<T: DeserializeOwned>(&self, url: Url, query: &[(&str, String)]) -> Result<T, Fault> {
        let request = self.client.get(url).query(query).bearer_auth(self.config.api_key.expose());
        let answer: Answer = http_client::ask(request, self.deadline, errors::fault).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Fault::new("garbage", RETRY, "SendGrid's list can't be read"))
    }

    fn url(&self, segments: &[&str]) -> Result<Url, Fault> {
        endpoint(&self.config.base_url, segments).map_err(|error| Fault::content(&error.remedy))
    }

    async fn list(&self, name: &str, kind: RemoteOptOutKind, since: OffsetDateTime) -> Result<Vec<RemoteOptOut>, Fault> {
        let url = self.url(&["v3", "suppression", name])?;
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let query = [
                ("start_time", since.unix_timestamp().max(0).to_string()),
                ("limit", PAGE.to_string()),
                ("offset", (page * PAGE).to_string()),
            ];
            let rows: Vec<Suppressed> = self.ask(url.clone(), &query).await?;
            let full = rows.len() >= PAGE;
            found.extend(rows.into_iter().filter_map(|row| opt_out(name, kind, row)));
            if !full {
                return Ok(found);
            }
        }
        Err(Fault::new("too_many", RETRY, "a suppression list is longer than what is read at once"))
    }
}

/// None of a bounce that says nothing for good about the address.
fn opt_out(list: &str, kind: RemoteOptOutKind, row: Suppressed) -> Option<RemoteOptOut> {
    let is_invalid = || errors::of_bounce(false, &row.status, &row.reason).1 == crate::errors::INVALID;
    if row.email.is_empty() || (list == "bounces" && !is_invalid()) {
        return None;
    }
    let since = OffsetDateTime::from_unix_timestamp(row.created).ok().filter(|_| row.created > 0);
    Some(RemoteOptOut { address: row.email, kind, source: list.to_owned(), since })
}

#[async_trait::async_trait]
impl Manage for Lists {
    /// Hands in a message in SendGrid's sandbox mode, which checks key, permission and sending address, and sends nothing.
    async fn check(&self) -> Result<Checked, Fault> {
        let email = EmailVariant { subject: "Test".to_owned(), text: "Test".to_owned(), ..EmailVariant::default() };
        let message = Message::new(self.config.from.clone(), Rendered::Email(email), "test", "test");
        let letter = Letter::of(&message)?;
        let request = self.client.post(self.url(&["v3", "mail", "send"])?).bearer_auth(self.config.api_key.expose());
        let taken = |answer: &Answer| (answer.status == StatusCode::OK).then_some(());
        match http_client::call(request.json(&wire::test(&self.config, &letter)), self.deadline, taken, errors::fault).await {
            Ok(()) => Ok(Checked { handle: self.config.from.clone(), ..Checked::default() }),
            Err(Outcome::Refused(fault) | Outcome::Uncertain(fault)) => Err(fault),
            Err(_) => Err(Fault::new("garbage", RETRY, "SendGrid's answer can't be read")),
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
