//! `fanfare alerts`: what a person should know and perhaps do.

use crate::{paging, resolve, session::Session};
use anyhow::{Context, Result};
use clap::Subcommand;
use domain::Channel;
use proto::{
    campaign::{Alert, ListAlertsRequest, ResolveAlertRequest},
    convert::channel,
};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show open alerts, newest first
    List {
        /// Only those about this campaign and its senders (name or id)
        #[arg(long)]
        campaign: Option<String>,
        /// Also those that are resolved
        #[arg(long)]
        resolved: bool,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Mark one as seen to (admin)
    Resolve { id: String },
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::List { campaign, resolved, limit } => list(campaign, resolved, limit, session).await,
        Verb::Resolve { id } => {
            let answer = session.campaigns().resolve_alert(ResolveAlertRequest { id }).await?.into_inner();
            session.output.message(&answer.alert.context("the hub's answer has no alert")?, |alert| format!("resolved: {}", alert.detail))
        }
    }
}

async fn list(campaign: Option<String>, resolved: bool, limit: usize, session: &Session) -> Result<()> {
    let campaign_id = match campaign {
        Some(campaign) => resolve::campaign(session, &campaign).await?,
        None => String::new(),
    };
    let alerts = paging::collect(limit, |page_size, page_token| {
        let request = ListAlertsRequest { campaign_id: campaign_id.clone(), resolved, page_size, page_token };
        async move {
            let page = session.campaigns().list_alerts(request).await?.into_inner();
            Ok((page.alerts, page.next_page_token))
        }
    });
    session.output.rows(["id", "what", "about", "times", "state", "detail"], &alerts.await?, row)
}

fn row(alert: &Alert) -> [String; 6] {
    let state = if alert.resolved_at.is_some() { format!("resolved by {}", alert.resolved_by) } else { "open".to_owned() };
    [alert.id.clone(), alert.kind.clone(), about(alert), alert.times.to_string(), state, alert.detail.clone()]
}

/// What an alert is about, in a word.
fn about(alert: &Alert) -> String {
    let of = if alert.campaign_id.is_empty() { "sender" } else { "campaign" };
    match channel(alert.channel).map(Channel::as_str) {
        Some(channel) => format!("{of} ({channel})"),
        None => of.to_owned(),
    }
}

/// An alert on a line, as it is shown with its campaign.
pub fn line(alert: &Alert) -> String {
    format!("{}: {}", alert.kind, alert.detail)
}
