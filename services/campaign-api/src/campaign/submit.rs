//! SubmitCampaign.

use super::{change::Change, complete};
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{SubmitCampaignRequest, SubmitCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<SubmitCampaignRequest>) -> Result<SubmitCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    change.step(Action::Submit)?;
    let (template_version, _) = complete::check(&mut change.tx, &change.workspace, &change.campaign).await?;
    // From here on an edit of the template needs a new review to be sent.
    change.campaign.template_version = Some(template_version);
    change.campaign.status_reason = String::new();
    let (_, campaign) = change.commit().await?;
    Ok(SubmitCampaignResponse { campaign: Some(campaign) })
}
