//! Looks at what a hub shows: once, or until it is as wanted.

use crate::{Campaign, Desk};
use anyhow::{Result, bail};
use domain::Channel;
use proto::{
    analytics::{Delivery, ListDeliveriesRequest},
    convert::channel_number,
};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);
const PAGE: u32 = 500;

impl Desk {
    /// All deliveries of a campaign on a channel.
    ///
    /// # Errors
    /// When analytics doesn't answer.
    pub async fn deliveries(&self, campaign: &Campaign, channel: Channel) -> Result<Vec<Delivery>> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListDeliveriesRequest {
                campaign_id: campaign.id.clone(),
                channel: channel_number(channel),
                page_size: PAGE,
                page_token,
                ..ListDeliveriesRequest::default()
            };
            let page = self.seeded.agent.analytics().list_deliveries(request).await?.into_inner();
            all.extend(page.deliveries);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    /// Looks again and again until there is something to see.
    ///
    /// # Errors
    /// When there is nothing in time, or looking fails.
    pub async fn eventually<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let started = Instant::now();
        while started.elapsed() < self.patience {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("not in time: {what}")
    }

    /// Waits until the sandbox has played all that it planned.
    ///
    /// # Errors
    /// When it hasn't in time, or doesn't answer.
    pub async fn all_played(&self) -> Result<()> {
        let what = "every callback is answered";
        self.eventually(what, async || anyhow::Ok((self.sandbox().figures().await?.pending == 0).then_some(()))).await
    }
}
