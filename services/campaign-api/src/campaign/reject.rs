//! RejectCampaign.

use super::{amend, change::Change, review};
use crate::{convert::reason, state::State};
use domain::{
    campaign::{Action, approval::Verdict},
    role::Role,
};
use proto::campaign::{RejectCampaignRequest, RejectCampaignResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<RejectCampaignRequest>) -> Result<RejectCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let reason = reason(&request.reason)?;
    if reason.is_empty() {
        return Err(status::invalid("reason", "must say what is to be changed"));
    }
    let mut change = Change::begin_with_run(state, &caller, &request.id).await?;
    if change.campaign.run_id.is_some() {
        let (_, campaign) = amend::decline(change, &reason).await?;
        return Ok(RejectCampaignResponse { campaign: Some(campaign) });
    }
    change.step(Action::Reject)?;
    if let Some(pending) = review::pending(&mut change).await? {
        let about = review::of_campaign(&mut change).await?;
        review::decide(&mut change, pending.approval_id, Verdict::Rejected, &about, None, &reason).await?;
    }
    change.campaign.status_reason = reason;
    change.campaign.template_version = None;
    let (_, campaign) = change.commit().await?;
    Ok(RejectCampaignResponse { campaign: Some(campaign) })
}
