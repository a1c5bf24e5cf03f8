//! ApproveCampaign.

use super::{amend, change::Change, review};
use crate::state::State;
use domain::{
    campaign::{Action, approval::Verdict},
    role::Role,
};
use proto::campaign::{ApproveCampaignRequest, ApproveCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ApproveCampaignRequest>) -> Result<ApproveCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let mut change = Change::begin_with_run(state, &caller, &request.id).await?;
    if change.campaign.run_id.is_some() {
        let (_, campaign) = amend::approve(change, &request.hash).await?;
        return Ok(ApproveCampaignResponse { campaign: Some(campaign) });
    }
    change.step(Action::Approve)?;
    let pending = review::pending(&mut change).await?;
    if let Some(pending) = &pending {
        review::check_self(&change, &pending.submitted_by)?;
    }
    // As it is now: a segment may have been edited since it was submitted.
    let about = review::of_campaign(&mut change).await?;
    review::check_hash(&request.hash, &about)?;
    let id = match pending {
        Some(pending) => pending.approval_id,
        // It was submitted before reviews were kept.
        None => review::open(&mut change, &about).await?,
    };
    review::decide(&mut change, id, Verdict::Approved, &about, None, "").await?;
    change.campaign.approved_by.clone_from(&caller.subject);
    change.campaign.approved_at = Some(change.now);
    let (_, campaign) = change.commit().await?;
    Ok(ApproveCampaignResponse { campaign: Some(campaign) })
}
