//! `fanfare campaign watch`: the figures as they change, until the campaign has ended and they stand still.

use super::{Which, stats};
use crate::{
    output::{channel_name, json, line, number},
    progress::Board,
    session::Session,
};
use anyhow::{Result, bail};
use proto::analytics::{CampaignStats, ChannelStats, WatchCampaignStatsRequest};

#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    which: Which,
    /// End when the campaign has, and its figures have been still for so many seconds; 0: only at Ctrl-C
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    quiet_after: u32,
}

pub async fn run(args: WatchArgs, session: &Session) -> Result<()> {
    let campaign_id = args.which.id(session).await?;
    let last = follow(session, campaign_id, args.quiet_after, |stats| {
        if session.output.is_json() { line(&json::to_value(stats)?.to_string()) } else { Ok(()) }
    })
    .await?;
    session.output.say(&stats::describe(&last))
}

/// Shows progress until the stream ends, and gives each of its messages to `each`. Answers with the last.
///
/// # Errors
/// When the hub refuses, the stream breaks, or `each` fails.
pub async fn follow(
    session: &Session,
    campaign_id: String,
    quiet_after_seconds: u32,
    mut each: impl FnMut(&CampaignStats) -> Result<()>,
) -> Result<CampaignStats> {
    let request = WatchCampaignStatsRequest { campaign_id, quiet_after_seconds };
    let mut stream = session.analytics().watch_campaign_stats(request).await?.into_inner();
    let mut board = Board::new(session.output);
    let mut last = None;
    while let Some(answer) = stream.message().await? {
        let Some(stats) = answer.stats else { continue };
        for part in &stats.channels {
            let to_send = part.target.saturating_sub(part.suppressed.values().sum());
            board.set(channel_name(part.channel), stats::settled(part), to_send, &note(part));
        }
        board.tick()?;
        each(&stats)?;
        last = Some(stats);
    }
    board.finish()?;
    match last {
        Some(stats) => Ok(stats),
        None => bail!("the hub ended the stream without any figures"),
    }
}

fn note(part: &ChannelStats) -> String {
    let counts = [("delivered", part.delivered), ("failed", part.failed), ("read", part.read), ("clicked", part.clicked)];
    let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    counts.into_iter().map(|(what, count)| format!("{} {what}", number::count(count))).collect::<Vec<_>>().join(", ")
}
