//! ResumeCampaign.

use super::change::Change;
use crate::state::State;
use domain::{
    campaign::{Action, Status as CampaignStatus},
    role::Role,
};
use proto::campaign::{ResumeCampaignRequest, ResumeCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ResumeCampaignRequest>) -> Result<ResumeCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    let to = change.campaign.paused_from.unwrap_or(CampaignStatus::Active);
    change.step(Action::Resume { to })?;
    change.campaign.paused_from = None;
    let now = change.now;
    let (campaign, view) = change.commit().await?;
    if campaign.status == CampaignStatus::Scheduled && campaign.due_at <= Some(now) {
        state.scheduler.start_soon(campaign.campaign_id).await;
    }
    Ok(ResumeCampaignResponse { campaign: Some(view) })
}
