//! SubmitCampaign.

use super::{change::Change, complete, review};
use crate::state::State;
use domain::{
    campaign::{Action, Status as CampaignStatus, approval::Verdict},
    role::Role,
};
use proto::campaign::{SubmitCampaignRequest, SubmitCampaignResponse};
use runtime::auth;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<SubmitCampaignRequest>) -> Result<SubmitCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    change.step(Action::Submit)?;
    // The newest version of its template, also when an older one was approved before.
    change.campaign.template_version = None;
    let (template_version, _) = complete::check(&mut change.tx, &change.workspace, &change.campaign, change.now).await?;
    // From here on an edit of the template needs a new review to be sent.
    change.campaign.template_version = Some(template_version);
    change.campaign.status_reason = String::new();
    change.campaign.approved_by = String::new();
    change.campaign.approved_at = None;
    let about = review::of_campaign(&mut change).await?;
    let id = review::open(&mut change, &about).await?;
    if change.campaign.status == CampaignStatus::Approved {
        review::decide(&mut change, id, Verdict::Waived, &about, None, "").await?;
    }
    let (_, campaign) = change.commit().await?;
    Ok(SubmitCampaignResponse { campaign: Some(campaign) })
}
