//! `fanfare campaign budget`: another budget, also for one that runs or has none left.

use super::{Which, guards, present, say};
use crate::{output::number, session::Session};
use anyhow::{Context, Result};
use domain::Channel;
use proto::campaign::{GetCampaignRequest, UpdateCampaignRequest};

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = true, args = ["budget", "channel_budgets"])]
pub struct BudgetArgs {
    #[command(flatten)]
    which: Which,
    /// The most that it may cost altogether, in its senders' currency; 0: no limit
    #[arg(value_name = "AMOUNT", value_parser = number::micros)]
    budget: Option<i64>,
    /// The most that one channel may cost; repeat for more
    #[arg(long = "channel-budget", value_name = "CHANNEL=AMOUNT", value_parser = guards::amount)]
    channel_budgets: Vec<(Channel, i64)>,
}

/// Changes nothing else: the settings are read, and written back if nobody has edited them meanwhile.
pub async fn run(args: BudgetArgs, session: &Session) -> Result<()> {
    let id = args.which.id(session).await?;
    let campaign = present(session.campaigns().get_campaign(GetCampaignRequest { id: id.clone() }).await?.into_inner().campaign)?;
    let mut settings = campaign.settings.context("the hub's answer has no settings")?;
    if let Some(micros) = args.budget {
        settings.budget_micros = micros;
    }
    guards::set_budgets(&mut settings, &args.channel_budgets)?;
    let request = UpdateCampaignRequest { id, settings: Some(settings), base_revision: campaign.revision, template_version: 0 };
    say(session, &present(session.campaigns().update_campaign(request).await?.into_inner().campaign)?)
}
