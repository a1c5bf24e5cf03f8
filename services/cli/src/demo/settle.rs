//! Waits until nothing moves any more: the sandbox owes no callback, the hub's figures are the sandbox's, and a recount agrees.

use crate::{
    campaign::{recount, stats},
    hub::{sandbox::Figures, seed::Seeded},
};
use anyhow::Result;
use proto::{
    analytics::{CampaignStats, ChannelStats},
    convert::channel,
};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(150);
/// For so long the figures must not change.
const STILL: Duration = Duration::from_millis(600);
/// What has not moved for so long won't.
const STUCK: Duration = Duration::from_secs(20);

/// The last word of both sides.
#[derive(Debug, Clone)]
pub struct Settled {
    pub stats: CampaignStats,
    pub figures: Figures,
    /// Whether a recount of the deliveries gave the same figures.
    pub recounted: bool,
}

/// Waits; answers with what there is when nothing has moved for a while and it still doesn't agree.
pub async fn settle(seeded: &Seeded, campaign_id: &str) -> Result<Settled> {
    let mut moved_at = Instant::now();
    let mut last: Option<(CampaignStats, Figures)> = None;
    loop {
        let figures = seeded.sandbox.figures().await?;
        let stats = CampaignStats { as_of: None, ..stats::stats(&seeded.agent, campaign_id.to_owned()).await? };
        let now = (stats, figures);
        if last.as_ref() != Some(&now) {
            moved_at = Instant::now();
        }
        let agreed = figures.pending == 0 && differences(&now.0, &now.1).is_empty();
        if (agreed && moved_at.elapsed() >= STILL) || moved_at.elapsed() >= STUCK {
            let recount = recount::recount(&seeded.agent, campaign_id.to_owned()).await?;
            return Ok(Settled { stats: now.0, figures, recounted: recount.equal });
        }
        last = Some(now);
        tokio::time::sleep(POLL).await;
    }
}

/// The figures that both sides count, by the names that `demo.json` gives them.
pub const SHARED: [&str; 6] = ["sent", "delivered", "failed", "read", "clicked", "unsubscribed"];

/// The hub's, in that order.
pub fn of_hub(stats: &ChannelStats) -> [u64; 6] {
    [stats.sent, stats.delivered, stats.failed, stats.read, stats.clicked, stats.unsubscribed]
}

/// The sandbox's, in that order.
pub fn of_sandbox(figures: &crate::hub::sandbox::ChannelFigures) -> [u64; 6] {
    [figures.sent, figures.delivered, figures.failed, figures.read, figures.clicked, figures.unsubscribed]
}

/// Every figure that the two count differently, in words.
pub fn differences(stats: &CampaignStats, figures: &Figures) -> Vec<String> {
    let mut found = Vec::new();
    for part in &stats.channels {
        let Some(channel) = channel(part.channel) else { continue };
        let both = of_hub(part).into_iter().zip(of_sandbox(figures.channel(channel)));
        for (name, (hub, sandbox)) in SHARED.iter().zip(both).filter(|(_, (hub, sandbox))| hub != sandbox) {
            found.push(format!("{channel} {name}: the hub says {hub}, the sandbox {sandbox}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use proto::convert::channel_number;

    #[test]
    fn each_difference_names_channel_figure_and_both_counts() {
        let part = ChannelStats { channel: channel_number(Channel::Sms), sent: 10, delivered: 9, failed: 1, ..Default::default() };
        let stats = CampaignStats { channels: vec![part], ..Default::default() };
        let json = |delivered| {
            let counts = serde_json::json!({"sent": 10, "delivered": delivered, "failed": 1, "read": 0, "clicked": 0, "unsubscribed": 0, "duplicates": 0});
            serde_json::from_value::<Figures>(serde_json::json!({"email": counts, "sms": counts, "whatsapp": counts, "pending": 0}))
                .unwrap()
        };
        assert!(differences(&stats, &json(9)).is_empty());
        assert_eq!(differences(&stats, &json(8)), ["sms delivered: the hub says 9, the sandbox 8"]);
    }
}
