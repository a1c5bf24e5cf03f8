//! ApproveCampaign.

use super::change::Change;
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{ApproveCampaignRequest, ApproveCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ApproveCampaignRequest>) -> Result<ApproveCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    change.step(Action::Approve)?;
    change.campaign.approved_by = caller.subject.clone();
    change.campaign.approved_at = Some(change.now);
    let (_, campaign) = change.commit().await?;
    Ok(ApproveCampaignResponse { campaign: Some(campaign) })
}
