//! `fanfare campaign recount`: whether the figures are what the deliveries say. Fails when they aren't.

use super::{Which, stats};
use crate::session::Session;
use anyhow::{Result, bail};
use proto::analytics::{RecountCampaignRequest, RecountCampaignResponse};

pub async fn run(which: &Which, session: &Session) -> Result<()> {
    let answer = recount(session, which.id(session).await?).await?;
    session.output.message(&answer, describe)?;
    if !answer.equal {
        bail!("the figures are not what a recount gives");
    }
    Ok(())
}

/// Has the hub count anew.
///
/// # Errors
/// When the hub refuses.
pub async fn recount(session: &Session, campaign_id: String) -> Result<RecountCampaignResponse> {
    Ok(session.analytics().recount_campaign(RecountCampaignRequest { campaign_id }).await?.into_inner())
}

fn describe(answer: &RecountCampaignResponse) -> String {
    let shown = |part: &Option<_>| part.as_ref().map(stats::describe).unwrap_or_default();
    if answer.equal {
        return format!("equal\n{}", shown(&answer.counters));
    }
    format!("NOT EQUAL\nthe figures:\n{}\nthe recount:\n{}", shown(&answer.counters), shown(&answer.recount))
}
