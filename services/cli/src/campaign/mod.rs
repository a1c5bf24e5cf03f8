//! `fanfare campaign`: from draft to figures.

pub mod approvals;
pub mod audience;
mod budget;
mod consent;
mod conversions;
pub mod create;
mod deliveries;
mod dry_run;
mod edit;
pub mod guards;
pub mod moves;
pub mod preview;
pub mod recount;
mod requeue;
mod show;
pub mod stats;
pub mod tracking;
pub mod watch;

use crate::{resolve, session::Session};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::campaign::{Campaign, CampaignStatus};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a draft
    Create(Box<create::CreateArgs>),
    /// Show one campaign
    Show(Which),
    /// Page through campaigns, newest first
    List(show::ListArgs),
    /// Hand a draft in for approval
    Submit(Which),
    /// Edit a draft, or ask for a change of one that runs: its template's version, budgets, expiry, rules
    Edit(Box<edit::EditArgs>),
    /// Approve it, or the change of it that waits (admin)
    Approve(ApproveArgs),
    /// Give it back, or drop the change of it that waits; with a reason (admin)
    Reject(WithReason),
    /// Who has approved what, newest first
    Approvals(approvals::ApprovalsArgs),
    /// One review, with all that it is about
    Approval(approvals::ApprovalArgs),
    /// Send it, now or at its time (admin)
    Send(Which),
    /// Stop sending within two seconds (admin)
    Pause(Which),
    /// Go on where it stopped (admin)
    Resume(Which),
    /// Drop what has not been sent (admin)
    Cancel(WithReason),
    /// Make a new draft with the same settings
    Clone(CloneArgs),
    /// How many it would reach on each channel, and why not the others; also of lists and segments that no campaign has yet
    Preview(preview::PreviewArgs),
    /// Copy the members of lists into it, beside its lists and segments
    CopyLists(audience::CopyArgs),
    /// Take the contacts that were copied into it out again
    ClearContacts(Which),
    /// What would become of it if it were sent now: counts, cost and samples, by the rules that decide it then
    DryRun(dry_run::DryRunArgs),
    /// Change the budgets and nothing else: of one that runs at once, if you are an admin
    Budget(budget::BudgetArgs),
    /// Send again what failed, and nothing else (admin)
    RetryFailed(requeue::RetryArgs),
    /// Decide about deliveries of which it can't be known whether they left (admin)
    SettleUnknown(requeue::SettleArgs),
    /// Tell that a contact did what the campaign was for
    Convert(conversions::ConvertArgs),
    /// What it has brought: its conversions, and what they are worth
    Conversions(conversions::ConversionsArgs),
    /// Follow its figures while it runs
    Watch(watch::WatchArgs),
    /// Its figures now
    Stats(stats::StatsArgs),
    /// Its deliveries, with status and reason
    Deliveries(deliveries::DeliveriesArgs),
    /// Count the deliveries anew and compare with the figures
    Recount(Which),
}

/// A campaign.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Id, or the name if only one campaign has it
    campaign: String,
}

#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// Of what you have looked at: refused when it is something else by now
    #[arg(long, default_value = "")]
    hash: String,
}

#[derive(Debug, clap::Args)]
pub struct WithReason {
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct CloneArgs {
    #[command(flatten)]
    which: Which,
    /// Left out: "Copy of …"
    #[arg(long)]
    name: Option<String>,
}

impl Which {
    async fn id(&self, session: &Session) -> Result<String> {
        resolve::campaign(session, &self.campaign).await
    }
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create(args) => create::run(*args, session).await,
        Verb::Show(which) => show::one(&which, session).await,
        Verb::List(args) => show::list(args, session).await,
        Verb::Submit(which) => say(session, &moves::submit(session, which.id(session).await?).await?),
        Verb::Edit(args) => edit::run(*args, session).await,
        Verb::Approve(args) => say(session, &moves::approve_exactly(session, args.which.id(session).await?, args.hash).await?),
        Verb::Approvals(args) => approvals::list(args, session).await,
        Verb::Approval(args) => approvals::one(args, session).await,
        Verb::Reject(args) => say(session, &moves::reject(session, args.which.id(session).await?, args.reason).await?),
        Verb::Send(which) => say(session, &moves::send(session, which.id(session).await?).await?),
        Verb::Pause(which) => say(session, &moves::pause(session, which.id(session).await?).await?),
        Verb::Resume(which) => say(session, &moves::resume(session, which.id(session).await?).await?),
        Verb::Cancel(args) => moves::cancel(session, args.which.id(session).await?, args.reason).await,
        Verb::Clone(args) => say(session, &moves::clone(session, args.which.id(session).await?, args.name).await?),
        Verb::Preview(args) => preview::run(args, session).await,
        Verb::CopyLists(args) => audience::copy(args, session).await,
        Verb::ClearContacts(which) => audience::clear(&which, session).await,
        Verb::DryRun(args) => dry_run::run(args, session).await,
        Verb::Budget(args) => budget::run(args, session).await,
        Verb::RetryFailed(args) => requeue::retry_failed(args, session).await,
        Verb::SettleUnknown(args) => requeue::settle_unknown(args, session).await,
        Verb::Convert(args) => conversions::convert(args, session).await,
        Verb::Conversions(args) => conversions::list(args, session).await,
        Verb::Watch(args) => watch::run(args, session).await,
        Verb::Stats(args) => stats::run(args, session).await,
        Verb::Deliveries(args) => deliveries::run(args, session).await,
        Verb::Recount(which) => recount::run(&which, session).await,
    }
}

fn say(session: &Session, campaign: &Campaign) -> Result<()> {
    session.output.message(campaign, |campaign| format!("{}  {} is {}", campaign.id, name(campaign), status(campaign.status)))
}

fn name(campaign: &Campaign) -> &str {
    campaign.settings.as_ref().map_or("", |settings| &settings.name)
}

/// `CAMPAIGN_STATUS_IN_REVIEW` as `IN_REVIEW`.
fn status(number: i32) -> &'static str {
    let name = CampaignStatus::try_from(number).map_or("UNKNOWN", |status| status.as_str_name());
    name.trim_start_matches("CAMPAIGN_STATUS_")
}

fn present(campaign: Option<Campaign>) -> Result<Campaign> {
    campaign.context("the hub's answer has no campaign")
}
