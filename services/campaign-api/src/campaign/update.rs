//! UpdateCampaign: of a draft all of it, of one that runs what may still be changed then.

use super::{
    amend,
    change::{Change, Changed},
    settings,
};
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{UpdateCampaignRequest, UpdateCampaignResponse};
use runtime::{auth, status};
use store::campaign::Campaign;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateCampaignRequest>) -> Result<UpdateCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let change = Change::begin_with_run(state, &caller, &request.id).await?;
    let has_begun = change.campaign.run_id.is_some();
    let (_, campaign) = if has_begun { amend::propose(change, request).await? } else { edit(change, request).await? };
    Ok(UpdateCampaignResponse { campaign: Some(campaign) })
}

async fn edit(mut change: Change<'_>, request: UpdateCampaignRequest) -> Result<Changed, Status> {
    change.step(Action::Edit)?;
    check_revision(&change, request.base_revision)?;
    if request.template_version != 0 {
        let remedy = "leave it out: the newest version is taken when the campaign is submitted";
        return Err(status::invalid("template_version", remedy));
    }
    let settings = settings::read(&mut change.tx, change.caller.workspace, request.settings).await?;
    change.campaign.settings = settings;
    reopen(&mut change.campaign);
    change.commit().await
}

/// Makes it a draft with another revision: what was approved is no longer what it says.
pub fn reopen(campaign: &mut Campaign) {
    campaign.revision = campaign.revision.saturating_add(1);
    campaign.approved_by = String::new();
    campaign.approved_at = None;
    campaign.template_version = None;
    campaign.due_at = None;
    campaign.paused_from = None;
}

/// Whether the caller has edited what the campaign is now; 0 looks at nothing.
///
/// # Errors
/// ABORTED when another edit came first.
pub fn check_revision(change: &Change<'_>, base_revision: u32) -> Result<(), Status> {
    let revision = change.campaign.revision;
    if base_revision == 0 || base_revision == revision.unsigned_abs() {
        return Ok(());
    }
    let message = format!("revision {base_revision} was edited, and the campaign is at {revision} now: read it again");
    Err(status::conflict("REVISION_CHANGED", message))
}
