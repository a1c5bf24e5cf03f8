//! GetCampaign.

use super::view;
use crate::state::State;
use domain::{CampaignId, role::Role};
use proto::campaign::{GetCampaignRequest, GetCampaignResponse};
use runtime::{auth, status};
use store::campaign;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetCampaignRequest>) -> Result<GetCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: CampaignId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let campaign = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let campaign = campaign.ok_or_else(|| status::not_found("campaign"))?;
    Ok(GetCampaignResponse { campaign: Some(view::one(&mut tx, &campaign).await?) })
}
