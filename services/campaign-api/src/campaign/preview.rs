//! PreviewAudience.

use super::complete::{audience_of, count};
use crate::state::State;
use domain::{CampaignId, Channel, role::Role};
use futures::future::try_join_all;
use proto::{
    campaign::{ChannelAudience, PreviewAudienceRequest, PreviewAudienceResponse},
    convert::channel_number,
};
use runtime::{auth, status};
use store::{
    audience,
    campaign::{self, Campaign},
    workspace,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<PreviewAudienceRequest>) -> Result<PreviewAudienceResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: CampaignId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let campaign = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let campaign = campaign.ok_or_else(|| status::not_found("campaign"))?;
    let workspace = workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
    let workspace = workspace.ok_or_else(|| status::not_found("workspace"))?;
    let contacts = count(&mut tx, &campaign).await?;
    drop(tx);
    // Each on a connection of its own: of a million contacts each channel takes a second or two.
    let channels = try_join_all(campaign.settings.channels.keys().map(|channel| preview(state, &campaign, *channel))).await?;
    Ok(PreviewAudienceResponse { channels, contacts, max_recipients: u64::from(workspace.max_recipients.unsigned_abs()) })
}

async fn preview(state: &State, campaign: &Campaign, channel: Channel) -> Result<ChannelAudience, Status> {
    let mut tx = state.db.tenant(campaign.workspace_id).await.map_err(status::store)?;
    let reach = audience::preview(&mut tx, audience_of(campaign), channel).await.map_err(status::store)?;
    Ok(ChannelAudience {
        channel: channel_number(channel),
        target: reach.target,
        reachable: reach.reachable,
        unreachable: reach.unreachable.into_iter().collect(),
    })
}
