//! CancelCampaign.

use super::{change::Change, review};
use crate::{convert::reason, state::State};
use domain::{campaign::Action, role::Role};
use proto::campaign::{CancelCampaignRequest, CancelCampaignResponse};
use runtime::{auth, status};
use store::campaign::{self, Campaign};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CancelCampaignRequest>) -> Result<CancelCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let reason = reason(&request.reason)?;
    let mut change = Change::begin(state, &caller, &request.id).await?;
    change.step(Action::Cancel)?;
    review::withdraw(&mut change, "the campaign was cancelled").await?;
    change.campaign.paused_from = None;
    change.campaign.status_reason = reason;
    change.campaign.completed_at = Some(change.now);
    let (campaign, view) = change.commit().await?;
    // From here on nothing is sent, whatever becomes of the count.
    let dropped = if campaign.run_id.is_some() { dropped(state, &campaign).await? } else { 0 };
    Ok(CancelCampaignResponse { campaign: Some(view), dropped })
}

/// How many deliveries are not sent any more: what the scheduler has dropped, or what it will drop when it is back.
async fn dropped(state: &State, campaign: &Campaign) -> Result<u64, Status> {
    match state.scheduler.drop_remaining(campaign.campaign_id).await {
        Ok(dropped) => Ok(dropped),
        Err(failure) => {
            tracing::warn!(campaign.id = %campaign.campaign_id, error = failure.message(), "the scheduler was not told; it will drop the rest at its next poll");
            let mut tx = state.db.tenant(campaign.workspace_id).await.map_err(status::store)?;
            campaign::count_waiting(&mut tx, campaign.campaign_id).await.map_err(status::store)
        }
    }
}
