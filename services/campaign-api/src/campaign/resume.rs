//! ResumeCampaign.

use super::change::Change;
use crate::state::State;
use domain::{
    campaign::{Action, Status as CampaignStatus},
    role::Role,
};
use proto::campaign::{ResumeCampaignRequest, ResumeCampaignResponse};
use runtime::{Caller, auth, status};
use store::{
    alert::{self, kind},
    campaign,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ResumeCampaignRequest>) -> Result<ResumeCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    let to = change.campaign.paused_from.unwrap_or(CampaignStatus::Active);
    change.step(Action::Resume { to })?;
    change.campaign.paused_from = None;
    change.campaign.status_reason = String::new();
    let now = change.now;
    clear(&mut change, &caller).await?;
    let (campaign, view) = change.commit().await?;
    if campaign.status == CampaignStatus::Scheduled && campaign.due_at <= Some(now) {
        state.scheduler.start_soon(campaign.campaign_id).await;
    }
    Ok(ResumeCampaignResponse { campaign: Some(view) })
}

/// Whoever resumes it says that what stopped it has been mended: its alerts are resolved, and channels that waited for their template
/// go on.
async fn clear(change: &mut Change<'_>, caller: &Caller) -> Result<(), Status> {
    let (workspace, id, now) = (caller.workspace, change.campaign.campaign_id, change.now);
    campaign::clear_pauses(&mut change.tx, workspace, id).await.map_err(status::store)?;
    let kinds = [kind::BUDGET_EXHAUSTED, kind::TEMPLATE_PAUSED];
    alert::resolve(&mut change.tx, Some(id), None, &kinds, &caller.subject, now).await.map_err(status::store)?;
    Ok(())
}
