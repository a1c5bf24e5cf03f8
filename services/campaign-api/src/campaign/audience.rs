//! CopyListsToCampaign and ClearCampaignContacts: the contacts that a campaign has of its own, beside those of its lists and segments.

use super::change::Change;
use crate::{audit, list::open_lists, state::State};
use domain::{Channel, ListId, campaign::Action, role::Role};
use proto::{
    campaign::{
        ChannelOptOuts, ClearCampaignContactsRequest, ClearCampaignContactsResponse, CopyListsToCampaignRequest,
        CopyListsToCampaignResponse,
    },
    convert::channel_number,
};
use runtime::{auth, status};
use serde::Serialize;
use store::list::copy;
use tonic::{Request, Status};

pub async fn copy(state: &State, request: Request<CopyListsToCampaignRequest>) -> Result<CopyListsToCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    if request.list_ids.is_empty() {
        return Err(status::invalid("list_ids", "must name at least one list"));
    }
    let mut change = Change::begin(state, &caller, &request.campaign_id).await?;
    edit(&mut change)?;
    let lists = open_lists(&mut change.tx, caller.workspace, "list_ids", &request.list_ids).await?;
    let (id, now) = (change.campaign.campaign_id, change.now);
    let own: Vec<Channel> = change.campaign.settings.channels.keys().copied().collect();
    let channels = if own.is_empty() { Channel::BY_ADDRESS.to_vec() } else { own };
    let copied = copy::into_campaign(&mut change.tx, caller.workspace, id, &lists, &channels, now).await.map_err(status::store)?;
    log(&mut change, "campaign.copy_lists", &Contacts { list_ids: lists, contacts: copied.added }).await?;
    let (_, campaign) = change.commit().await?;
    let opted_out = copied.opted_out.into_iter();
    Ok(CopyListsToCampaignResponse {
        added: copied.added,
        already: copied.already,
        own_contacts: campaign.audience.as_ref().map_or(0, |audience| audience.own_contacts),
        opted_out: opted_out.map(|(channel, contacts)| ChannelOptOuts { channel: channel_number(channel), contacts }).collect(),
        campaign: Some(campaign),
    })
}

pub async fn clear(state: &State, request: Request<ClearCampaignContactsRequest>) -> Result<ClearCampaignContactsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut change = Change::begin(state, &caller, &request.get_ref().campaign_id).await?;
    edit(&mut change)?;
    let id = change.campaign.campaign_id;
    let removed = copy::clear(&mut change.tx, id).await.map_err(status::store)?;
    log(&mut change, "campaign.clear_contacts", &Contacts { list_ids: Vec::new(), contacts: removed }).await?;
    let (_, campaign) = change.commit().await?;
    Ok(ClearCampaignContactsResponse { removed, campaign: Some(campaign) })
}

/// What the audit log keeps, beside the edit itself.
#[derive(Serialize)]
struct Contacts {
    list_ids: Vec<ListId>,
    /// How many were added or taken out.
    contacts: u64,
}

async fn log(change: &mut Change<'_>, action: &str, contacts: &Contacts) -> Result<(), Status> {
    let campaign = &change.campaign;
    let (workspace, id) = (campaign.workspace_id, campaign.campaign_id.0);
    let entry = audit::Change { workspace, caller: change.caller, action, id, before: None, after: Some(contacts), at: change.now };
    entry.record(&mut change.tx).await
}

/// Makes it the edit that it is: whom a campaign is for is part of what was approved.
fn edit(change: &mut Change<'_>) -> Result<(), Status> {
    if change.campaign.run_id.is_some() {
        let message = "it has begun: whom it is for can't be changed any more; clone it for others";
        let status = change.campaign.status.as_str();
        return Err(status::precondition_with("ILLEGAL_MOVE", message, [("status", status), ("action", "edit")]));
    }
    change.step(Action::Edit)?;
    super::update::reopen(&mut change.campaign);
    Ok(())
}
