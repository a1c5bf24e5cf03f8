//! `fanfare campaign stats`: the figures side by side for all channels.

use super::Which;
use crate::{
    campaign::preview::reasons,
    output::{Table, channel_name, number},
    session::Session,
};
use anyhow::{Context, Result};
use proto::analytics::{CampaignStats, ChannelStats, GetCampaignStatsRequest, VersionStats};
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    #[command(flatten)]
    which: Which,
    /// Also apart for each version of its content: who got which
    #[arg(long)]
    by_version: bool,
}

pub async fn run(args: StatsArgs, session: &Session) -> Result<()> {
    let campaign_id = args.which.id(session).await?;
    if !args.by_version {
        return session.output.message(&stats(session, campaign_id).await?, describe);
    }
    let request = GetCampaignStatsRequest { campaign_id, by_version: true };
    let answer = session.analytics().get_campaign_stats(request).await?.into_inner();
    session.output.message(&answer.stats.context("the hub's answer has no figures")?, describe)?;
    session.output.json_lines(&answer.versions)?;
    answer.versions.iter().try_for_each(|version| session.output.say(&describe_version(version)))
}

fn describe_version(version: &VersionStats) -> String {
    let head = match version.content_version {
        0 => "not made for anybody yet, or stopped before".to_owned(),
        number => {
            let since = version.since.as_ref().map(super::approvals::at).unwrap_or_default();
            let by = if version.created_by.is_empty() { String::new() } else { format!(", asked for by {}", version.created_by) };
            format!("version {number} (template {}, version {}), since {since}{by}", version.template_id, version.template_version)
        }
    };
    format!("\n{head}\n{}", table(&version.channels))
}

/// Asks for a campaign's figures.
///
/// # Errors
/// When the hub refuses.
pub async fn stats(session: &Session, campaign_id: String) -> Result<CampaignStats> {
    let answer = session.analytics().get_campaign_stats(GetCampaignStatsRequest { campaign_id, by_version: false }).await?.into_inner();
    answer.stats.context("the hub's answer has no figures")
}

/// The parts of `target`, each delivery in one of them.
pub fn parts(stats: &ChannelStats) -> [(&'static str, u64); 8] {
    [
        ("suppressed", stats.suppressed.values().sum()),
        ("pending", stats.pending),
        ("sent", stats.sent),
        ("rejected", stats.rejected),
        ("uncertain", stats.uncertain),
        ("unknown", stats.unknown),
        ("cancelled", stats.cancelled),
        ("expired", stats.expired),
    ]
}

/// `1,000 = 20 suppressed + 0 pending + 980 sent`, or the opposite; what is nothing is left out.
fn identity(stats: &ChannelStats) -> String {
    let parts = parts(stats);
    let sum: u64 = parts.iter().map(|(_, count)| count).sum();
    let words: Vec<_> = parts
        .iter()
        .filter(|(name, count)| *count > 0 || ["pending", "sent"].contains(name))
        .map(|(name, count)| format!("{} {name}", number::count(*count)))
        .collect();
    let sign = if sum == stats.target { "=" } else { "≠" };
    format!("target {} {sign} {}", number::count(stats.target), words.join(" + "))
}

/// How many of a channel's deliveries have an outcome; the rest is pending.
pub fn settled(stats: &ChannelStats) -> u64 {
    stats.sent + stats.rejected + stats.uncertain + stats.unknown + stats.cancelled + stats.expired
}

/// A table, and below it for each channel where its deliveries are, and why some were not sent or failed.
pub fn describe(stats: &CampaignStats) -> String {
    let mut text = format!("{}\n{}", stats.campaign_status, table(&stats.channels));
    for part in &stats.channels {
        write!(text, "\n  {} {}", channel_name(part.channel), identity(part)).unwrap_or_default();
        let notes = [
            ("suppressed", reasons(&part.suppressed)),
            ("failed", reasons(&part.failed_by_code)),
            ("complained", only(part.complained)),
            ("opened by machines only", only(part.machine_opened)),
            ("links fetched by machines only", only(part.machine_clicked)),
            ("replied", only(part.replied)),
            ("converted", only(part.converted)),
            ("made good a failure elsewhere", only(part.rescued)),
        ];
        for (what, note) in notes.into_iter().filter(|(_, note)| !note.is_empty()) {
            write!(text, "\n  {} {what}: {note}", channel_name(part.channel)).unwrap_or_default();
        }
    }
    text
}

fn only(count: u64) -> String {
    if count == 0 { String::new() } else { number::count(count) }
}

fn table(channels: &[ChannelStats]) -> String {
    let head = [
        "channel",
        "target",
        "suppressed",
        "pending",
        "sent",
        "delivered",
        "failed",
        "read",
        "clicked",
        "unsubscribed",
        "delivery",
        "cost",
    ];
    let mut table = Table::new(head);
    for part in channels {
        let counts = [
            part.target,
            part.suppressed.values().sum(),
            part.pending,
            part.sent,
            part.delivered,
            part.failed,
            part.read,
            part.clicked,
            part.unsubscribed,
        ]
        .map(number::count);
        let [target, suppressed, pending, sent, delivered, failed, read, clicked, unsubscribed] = counts;
        let (rate, cost) = (number::share(part.delivery_rate), number::amount(part.cost_micros));
        let name = channel_name(part.channel).to_owned();
        table.row([name, target, suppressed, pending, sent, delivered, failed, read, clicked, unsubscribed, rate, cost]);
    }
    table.to_string().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use proto::convert::channel_number;

    #[test]
    fn the_table_is_followed_by_the_reasons() {
        let email = ChannelStats {
            channel: channel_number(Channel::Email),
            target: 1_000,
            suppressed: [("opted_out".to_owned(), 12), ("no_address".to_owned(), 8)].into(),
            sent: 970,
            rejected: 10,
            failed: 10,
            failed_by_code: [("550".to_owned(), 10)].into(),
            delivered: 960,
            delivery_rate: Some(0.9897),
            cost_micros: 970_000,
            ..ChannelStats::default()
        };
        assert_eq!(settled(&email), 980);
        let text = describe(&CampaignStats { campaign_status: "ACTIVE".into(), channels: vec![email], ..CampaignStats::default() });
        assert!(text.contains("email     1,000          20"), "{text}");
        let notes = "\n  email target 1,000 = 20 suppressed + 0 pending + 970 sent + 10 rejected\n  \
                     email suppressed: opted_out 12, no_address 8\n  email failed: 550 10";
        assert!(text.ends_with(notes), "{text}");
    }
}
