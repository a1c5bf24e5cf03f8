//! The sandbox's own interface: what it is told, what it has counted, and every message that it took.

use anyhow::{Context, Result, bail};
use domain::Channel;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Lines of the log asked for at a time.
const PAGE: usize = 5_000;

pub struct Sandbox {
    http: Client,
    base: String,
}

/// What each word counts is said where the sandbox counts it; the hub counts the same words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct ChannelFigures {
    pub sent: u64,
    pub delivered: u64,
    pub failed: u64,
    pub read: u64,
    pub clicked: u64,
    pub unsubscribed: u64,
    pub duplicates: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Figures {
    email: ChannelFigures,
    sms: ChannelFigures,
    whatsapp: ChannelFigures,
    #[serde(default)]
    push: ChannelFigures,
    #[serde(default)]
    social: ChannelFigures,
    /// Callbacks and recipients' acts that are planned and have no answer yet.
    pub pending: u64,
}

impl Figures {
    #[must_use]
    pub fn channel(&self, channel: Channel) -> &ChannelFigures {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
            Channel::Whatsapp => &self.whatsapp,
            Channel::Push => &self.push,
            Channel::Social => &self.social,
        }
    }
}

/// A message that it accepted.
#[derive(Debug, Clone, Deserialize)]
pub struct Logged {
    pub seq: u64,
    pub channel: Channel,
    /// Whose interface it came in through.
    #[serde(default)]
    pub provider: String,
    pub to: String,
    /// The page or the account that a post is put up by, the number or the address that a message comes from.
    #[serde(default)]
    pub from: String,
}

/// A device that the sandbox plays: what the hub is to be told of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Device {
    /// `token`, `fid` or `webpush`.
    pub kind: String,
    pub target: String,
    #[serde(default)]
    pub p256dh: String,
    #[serde(default)]
    pub auth: String,
}

impl Sandbox {
    /// # Errors
    /// When no HTTP client can be had.
    pub fn new(base: &str) -> Result<Self> {
        Ok(Self { http: Client::builder().timeout(TIMEOUT).build()?, base: base.to_owned() })
    }

    /// Where it is, with no slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Replaces its whole configuration.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn configure(&self, config: &Value) -> Result<()> {
        checked(self.http.put(self.url("config")).json(config).send().await?).await?;
        Ok(())
    }

    /// Has letters that it loses come back to a port of this machine, as far servers return them.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn return_letters_to(&self, port: u16) -> Result<()> {
        let mut config: Value = checked(self.http.get(self.url("config")).send().await?).await?.json().await?;
        config["mail"]["bounces_to"] = Value::String(format!("127.0.0.1:{port}"));
        self.configure(&config).await
    }

    /// Forgets all messages.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn reset(&self) -> Result<()> {
        checked(self.http.post(self.url("reset")).send().await?).await?;
        Ok(())
    }

    /// # Errors
    /// When it doesn't answer.
    pub async fn figures(&self) -> Result<Figures> {
        Ok(checked(self.http.get(self.url("figures")).send().await?).await?.json().await?)
    }

    /// Devices that it plays, `count` of this kind (at most 10,000).
    ///
    /// # Errors
    /// When it refuses.
    pub async fn devices(&self, kind: &str, count: usize) -> Result<Vec<Device>> {
        #[derive(Deserialize)]
        struct Made {
            devices: Vec<Device>,
        }
        let query = [("kind", kind), ("count", &count.to_string())];
        let made: Made = checked(self.http.post(self.url("devices")).query(&query).send().await?).await?.json().await?;
        Ok(made.devices)
    }

    /// All messages that it accepted since it was reset.
    ///
    /// # Errors
    /// When it doesn't answer, or answers with something else.
    pub async fn log(&self) -> Result<Vec<Logged>> {
        let lines = self.messages().await?.into_iter().map(serde_json::from_value);
        lines.collect::<Result<_, _>>().context("the sandbox's log has a line that is none")
    }

    /// The same messages whole, with what they say.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub async fn messages(&self) -> Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().and_then(|message| message["seq"].as_u64()).unwrap_or_default();
            let page = self.http.get(self.url("log")).query(&[("after", after.to_string()), ("limit", PAGE.to_string())]).send().await?;
            let lines = checked(page).await?.text().await?;
            let before = all.len();
            for line in lines.lines().filter(|line| !line.is_empty()) {
                all.push(serde_json::from_str(line).context("the sandbox's log has a line that is none")?);
            }
            if all.len() == before {
                return Ok(all);
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/sandbox/{path}", self.base)
    }
}

async fn checked(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (status, url) = (answer.status(), answer.url().clone());
    bail!("the sandbox answered {status} to {url}: {}", answer.text().await.unwrap_or_default())
}
