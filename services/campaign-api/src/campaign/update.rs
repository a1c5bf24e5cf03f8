//! UpdateCampaign.

use super::{change::Change, settings};
use crate::state::State;
use domain::{
    Channel,
    campaign::{Action, Settings, Status as CampaignStatus},
    role::Role,
};
use proto::campaign::{UpdateCampaignRequest, UpdateCampaignResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateCampaignRequest>) -> Result<UpdateCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let mut change = Change::begin(state, &caller, &request.id).await?;
    // What has been sent is no longer edited, but its budgets may be: that is how one that has used them up goes on.
    let only_budgets = change.campaign.status == CampaignStatus::Paused;
    if only_budgets {
        caller.require(Role::Admin)?;
    }
    change.step(if only_budgets { Action::ChangeBudget } else { Action::Edit })?;
    let revision = change.campaign.revision;
    if request.base_revision != 0 && request.base_revision != revision.unsigned_abs() {
        let message = format!("revision {} was edited, and the campaign is at {revision} now: read it again", request.base_revision);
        return Err(status::conflict("REVISION_CHANGED", message));
    }
    let settings = settings::read(&mut change.tx, caller.workspace, request.settings).await?;
    change.campaign.revision = revision.saturating_add(1);
    if only_budgets {
        check_budgets(&change.campaign.settings, &settings, change.campaign.run_id.is_some())?;
    } else {
        // What was approved is no longer what it says.
        change.campaign.approved_by = String::new();
        change.campaign.approved_at = None;
        change.campaign.template_version = None;
        change.campaign.due_at = None;
    }
    change.campaign.settings = settings;
    let (_, campaign) = change.commit().await?;
    Ok(UpdateCampaignResponse { campaign: Some(campaign) })
}

/// What an edit of a paused campaign may be.
fn check_budgets(before: &Settings, after: &Settings, has_run: bool) -> Result<(), Status> {
    if before.without_budgets() != after.without_budgets() {
        let message = "a campaign that is PAUSED can't be edited: only its budgets can be changed; clone it for a new version";
        return Err(status::precondition_with("ILLEGAL_MOVE", message, [("status", "PAUSED"), ("action", "edit")]));
    }
    // Spending is counted only where there is a budget: one that came later would not know of what has left before. A total counts
    // every channel too.
    let had: Vec<_> = before.budgets().collect();
    let counted = |budget: &Option<Channel>| had.contains(budget) || had.contains(&None);
    if let Some(new) = after.budgets().find(|budget| has_run && !counted(budget)) {
        let field = new.map_or("settings.budget_micros".to_owned(), |channel| format!("settings.channels[{channel}].budget_micros"));
        let remedy = "it began without this budget, so what it has spent was not counted; only a budget that it has can be changed";
        return Err(status::invalid(&field, remedy));
    }
    Ok(())
}
