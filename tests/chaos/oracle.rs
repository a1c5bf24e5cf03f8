//! The sandbox as the oracle: every message that it took, when, and for which delivery; and what it is told to do next.

use anyhow::{Context, Result, ensure};
use domain::{Channel, link::LinkKey};
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Lines of the log asked for at a time.
const PAGE: usize = 5_000;

pub struct Oracle {
    http: Client,
    base: String,
}

/// A message that it took.
#[derive(Debug, Clone, Deserialize)]
pub struct Arrived {
    pub seq: u64,
    /// When its request came in, to the millisecond.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub channel: Channel,
    pub to: String,
    correlation: String,
}

impl Arrived {
    /// The delivery that it was sent for, by the token that the hub gave along.
    pub fn delivery(&self, links: &LinkKey) -> Option<i64> {
        Some(links.read_correlation(&self.correlation)?.delivery_id.0)
    }
}

impl Oracle {
    pub fn new(base: &str) -> Result<Self> {
        Ok(Self { http: Client::builder().timeout(TIMEOUT).build()?, base: base.to_owned() })
    }

    /// All that arrived, in its order.
    pub async fn log(&self) -> Result<Vec<Arrived>> {
        let mut all: Vec<Arrived> = Vec::new();
        loop {
            let after = all.last().map_or(0, |message| message.seq);
            let url = format!("{}/sandbox/log?after={after}&limit={PAGE}", self.base);
            let lines = self.http.get(url).send().await?.error_for_status()?.text().await?;
            let before = all.len();
            for line in lines.lines().filter(|line| !line.is_empty()) {
                all.push(serde_json::from_str(line).context("the sandbox's log has a line that is none")?);
            }
            if all.len() == before {
                return Ok(all);
            }
        }
    }

    /// Changes how it behaves; its accounts stay.
    pub async fn behave(&self, behaviour: &Value) -> Result<()> {
        self.change(|config| config["behaviour"] = behaviour.clone()).await
    }

    /// Its SMTP server drops a second message with the same Message-ID for the same recipient.
    pub async fn suppress_duplicates(&self) -> Result<()> {
        self.change(|config| config["smtp"]["duplicate_suppression"] = Value::Bool(true)).await
    }

    async fn change(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let url = format!("{}/sandbox/config", self.base);
        let mut config: Value = self.http.get(&url).send().await?.error_for_status()?.json().await?;
        change(&mut config);
        let answer = self.http.put(&url).json(&config).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the sandbox answered {status}: {}", answer.text().await.unwrap_or_default());
        Ok(())
    }
}
