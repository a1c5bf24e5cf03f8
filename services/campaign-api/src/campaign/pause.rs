//! PauseCampaign.

use super::change::Change;
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{PauseCampaignRequest, PauseCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<PauseCampaignRequest>) -> Result<PauseCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    let from = change.campaign.status;
    change.step(Action::Pause)?;
    change.campaign.paused_from = Some(from);
    let (_, campaign) = change.commit().await?;
    Ok(PauseCampaignResponse { campaign: Some(campaign) })
}
