//! RejectCampaign.

use super::change::Change;
use crate::{convert::reason, state::State};
use domain::{campaign::Action, role::Role};
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
    let mut change = Change::begin(state, &caller, &request.id).await?;
    change.step(Action::Reject)?;
    change.campaign.status_reason = reason;
    change.campaign.template_version = None;
    let (_, campaign) = change.commit().await?;
    Ok(RejectCampaignResponse { campaign: Some(campaign) })
}
