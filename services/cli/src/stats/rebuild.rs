//! `fanfare stats rebuild`: folds each campaign's log anew, one after the other, and compares or repairs.

use crate::{output::number, progress::Board, resolve, session::Session};
use anyhow::{Context, Result, bail};
use proto::{
    analytics::{RebuildStatsRequest, RebuildStatsResponse},
    campaign::CampaignStatus,
};

#[derive(Debug, clap::Args)]
pub struct RebuildArgs {
    /// Only this one: id, or the name if only one campaign has it
    #[arg(long)]
    campaign: Option<String>,
    /// Write what the log says over what differs
    #[arg(long)]
    repair: bool,
}

pub async fn run(args: RebuildArgs, session: &Session) -> Result<()> {
    let campaigns = match &args.campaign {
        Some(text) => vec![(resolve::campaign(session, text).await?, text.clone())],
        None => all(session).await?,
    };
    let mut board = Board::new(session.output);
    let (mut differing, count) = (0, campaigns.len());
    for (id, name) in campaigns {
        let report = rebuild(session, id, args.repair, |answer| {
            board.set("folded", answer.deliveries, answer.deliveries, &name);
            board.tick()
        })
        .await
        .with_context(|| format!("the figures of {name:?} could not be compared"))?;
        differing += usize::from(!report.equal);
        session.output.message(&report, |report| describe(&name, report))?;
    }
    board.finish()?;
    if differing > 0 {
        bail!("the figures of {differing} of {count} campaigns {} not what the log says", if args.repair { "were" } else { "are" });
    }
    Ok(())
}

/// Has the hub fold a campaign's log anew. Answers with its report.
async fn rebuild(
    session: &Session,
    campaign_id: String,
    repair: bool,
    mut each: impl FnMut(&RebuildStatsResponse) -> Result<()>,
) -> Result<RebuildStatsResponse> {
    let mut stream = session.analytics().rebuild_stats(RebuildStatsRequest { campaign_id, repair }).await?.into_inner();
    while let Some(answer) = stream.message().await? {
        if answer.done {
            return Ok(answer);
        }
        each(&answer)?;
    }
    bail!("the hub ended before it had compared everything")
}

/// All campaigns that may have figures, with their names.
async fn all(session: &Session) -> Result<Vec<(String, String)>> {
    let campaigns = resolve::campaigns(session, 0, CampaignStatus::Unspecified).await?;
    let started = campaigns.into_iter().filter(|campaign| !campaign.run_id.is_empty());
    Ok(started.map(|campaign| (campaign.id, campaign.settings.map(|settings| settings.name).unwrap_or_default())).collect())
}

fn describe(name: &str, report: &RebuildStatsResponse) -> String {
    let deliveries = number::of(report.deliveries, "delivery", "deliveries");
    let read = format!("{deliveries}, {}", number::of(report.facts, "fact", "facts"));
    if report.equal {
        return format!("{name}: equal ({read})");
    }
    let verdict = if report.repaired { "NOT EQUAL, repaired" } else { "NOT EQUAL" };
    let stored = number::of(report.differing_deliveries, "delivery is", "deliveries are");
    let mut lines = vec![format!("{name}: {verdict} ({read}); {stored} stored otherwise than the log says")];
    lines.extend(report.differences.iter().map(|difference| format!("  {difference}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_listed() {
        let equal = RebuildStatsResponse { deliveries: 1_200, facts: 1, done: true, equal: true, ..Default::default() };
        assert_eq!(describe("Spring", &equal), "Spring: equal (1,200 deliveries, 1 fact)");
        let differences = vec!["sms sent: 90, the log says 91".to_owned()];
        let repaired = RebuildStatsResponse { equal: false, repaired: true, differing_deliveries: 1, differences, ..equal };
        let text = describe("Spring", &repaired);
        assert!(text.contains("NOT EQUAL, repaired") && text.ends_with("\n  sms sent: 90, the log says 91"), "{text}");
    }
}
