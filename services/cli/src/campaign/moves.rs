//! The moves of a campaign's life. Each is one call; the hub decides whether it is legal.

use super::present;
use crate::{
    output::number,
    session::{Session, request_id},
};
use anyhow::Result;
use proto::campaign::{
    ApproveCampaignRequest, Campaign, CancelCampaignRequest, CloneCampaignRequest, PauseCampaignRequest, RejectCampaignRequest,
    ResumeCampaignRequest, SendCampaignRequest, SubmitCampaignRequest,
};

macro_rules! moves {
    ($($(#[$doc:meta])* $name:ident: $call:ident($request:ident)),* $(,)?) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the hub refuses.
        pub async fn $name(session: &Session, id: String) -> Result<Campaign> {
            present(session.campaigns().$call($request { id }).await?.into_inner().campaign)
        }
    )*};
}

moves! {
    /// DRAFT → IN_REVIEW
    submit: submit_campaign(SubmitCampaignRequest),
    /// SCHEDULED or ACTIVE → PAUSED
    pause: pause_campaign(PauseCampaignRequest),
    /// PAUSED → where it was
    resume: resume_campaign(ResumeCampaignRequest),
}

/// APPROVED → SCHEDULED. Freezing a large audience takes a while.
///
/// # Errors
/// When the hub refuses.
pub async fn send(session: &Session, id: String) -> Result<Campaign> {
    present(session.patient_campaigns().send_campaign(SendCampaignRequest { id }).await?.into_inner().campaign)
}

/// IN_REVIEW → APPROVED, or puts the change that waits into effect.
///
/// # Errors
/// When the hub refuses.
pub async fn approve(session: &Session, id: String) -> Result<Campaign> {
    approve_exactly(session, id, String::new()).await
}

/// The same, of what has that hash and nothing else.
///
/// # Errors
/// When the hub refuses, also because it is something else by now.
pub async fn approve_exactly(session: &Session, id: String, hash: String) -> Result<Campaign> {
    present(session.campaigns().approve_campaign(ApproveCampaignRequest { id, hash }).await?.into_inner().campaign)
}

pub async fn reject(session: &Session, id: String, reason: String) -> Result<Campaign> {
    present(session.campaigns().reject_campaign(RejectCampaignRequest { id, reason }).await?.into_inner().campaign)
}

pub async fn clone(session: &Session, id: String, name: Option<String>) -> Result<Campaign> {
    let request = CloneCampaignRequest { id, name: name.unwrap_or_default(), request_id: request_id() };
    present(session.campaigns().clone_campaign(request).await?.into_inner().campaign)
}

pub async fn cancel(session: &Session, id: String, reason: String) -> Result<()> {
    let answer = session.campaigns().cancel_campaign(CancelCampaignRequest { id, reason }).await?.into_inner();
    session.output.message(&answer, |answer| {
        let name = answer.campaign.as_ref().map_or("", super::name);
        format!("{name} is cancelled; {} will not be sent", number::of(answer.dropped, "message", "messages"))
    })
}
