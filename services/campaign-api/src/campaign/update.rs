//! UpdateCampaign.

use super::{change::Change, settings};
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{UpdateCampaignRequest, UpdateCampaignResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateCampaignRequest>) -> Result<UpdateCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let mut change = Change::begin(state, &caller, &request.id).await?;
    change.step(Action::Edit)?;
    let revision = change.campaign.revision;
    if request.base_revision != 0 && request.base_revision != revision.unsigned_abs() {
        let message = format!("revision {} was edited, and the campaign is at {revision} now: read it again", request.base_revision);
        return Err(status::conflict("REVISION_CHANGED", message));
    }
    change.campaign.settings = settings::read(&mut change.tx, caller.workspace, request.settings).await?;
    change.campaign.revision = revision.saturating_add(1);
    // What was approved is no longer what it says.
    change.campaign.approved_by = String::new();
    change.campaign.approved_at = None;
    change.campaign.template_version = None;
    change.campaign.due_at = None;
    let (_, campaign) = change.commit().await?;
    Ok(UpdateCampaignResponse { campaign: Some(campaign) })
}
