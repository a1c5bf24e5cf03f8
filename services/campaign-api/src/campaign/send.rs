//! SendCampaign.

use super::{change::Change, complete, review};
use crate::state::State;
use domain::{campaign::Action, role::Role};
use proto::campaign::{SendCampaignRequest, SendCampaignResponse};
use runtime::{auth, status, traceparent};
use store::freeze;
use tonic::{Request, Status};
use tracing::field::Empty;

#[tracing::instrument(
    name = "campaign_api.campaign.send",
    skip_all,
    fields(campaign.id = Empty, campaign.name = Empty, campaign.channels = Empty, campaign.recipients = Empty)
)]
pub async fn run(state: &State, request: Request<SendCampaignRequest>) -> Result<SendCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().id).await?;
    change.step(Action::Send)?;
    // Approval may have been turned on after the campaign went past it.
    if change.workspace.approval_required {
        review::holds(&mut change).await?;
    }
    let (_, recipients) = complete::check(&mut change.tx, &change.workspace, &change.campaign, change.now).await?;
    freeze(&mut change).await?;
    change.campaign.due_at = Some(due_at(&change)?);
    change.campaign.traceparent = traceparent::current();
    describe(&change, recipients);
    let now = change.now;
    let (campaign, view) = change.commit().await?;
    if campaign.due_at <= Some(now) {
        state.scheduler.start_soon(campaign.campaign_id).await;
    }
    Ok(SendCampaignResponse { campaign: Some(view) })
}

/// From here on its segments mean what they mean now; and whom they hold is settled, if it is to be now.
async fn freeze(change: &mut Change<'_>) -> Result<(), Status> {
    let campaign = &change.campaign;
    let (workspace, id, point) = (campaign.workspace_id, campaign.campaign_id, campaign.settings.freeze);
    freeze::at_scheduling(&mut change.tx, workspace, id, point, change.now).await.map_err(|error| {
        if error.is_constraint("list_member_contact_id_fkey") {
            return status::conflict("CONTACTS_CHANGED", "a contact of its audience was deleted meanwhile: try again");
        }
        status::store(error)
    })
}

fn due_at(change: &Change<'_>) -> Result<time::OffsetDateTime, Status> {
    let Some(schedule) = &change.campaign.settings.schedule else { return Ok(change.now) };
    schedule.due_at(change.now).map_err(|error| status::invalid(&format!("settings.schedule.{}", error.field()), error.to_string()))
}

/// The whole trace of a campaign, down to the callbacks, hangs on this span.
fn describe(change: &Change<'_>, recipients: u64) {
    let settings = &change.campaign.settings;
    let channels: Vec<_> = settings.channels.keys().map(|channel| channel.as_str()).collect();
    tracing::Span::current()
        .record("campaign.id", tracing::field::display(change.campaign.campaign_id))
        .record("campaign.name", &settings.name)
        .record("campaign.channels", channels.join(","))
        .record("campaign.recipients", recipients);
}
