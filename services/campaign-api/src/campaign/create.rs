//! CreateCampaign.

use super::{settings, view};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{CampaignId, role::Role};
use proto::campaign::{Campaign as Wire, CreateCampaignRequest, CreateCampaignResponse};
use runtime::{Caller, auth, status};
use store::{
    Tx,
    campaign::{self, Campaign},
    list::copy,
    request,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateCampaignRequest>) -> Result<CreateCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let settings = settings::read(&mut tx, caller.workspace, request.settings).await?;
    let draft = settings::draft(caller.workspace, settings, caller.subject.clone(), state.clock.now());
    let campaign = store_new(tx, &caller, draft, None, ("CreateCampaign", key), "campaign.create").await?;
    Ok(CreateCampaignResponse { campaign: Some(campaign) })
}

/// Adds a draft, which gets the contacts that were copied into `original`; or answers with the campaign that an earlier call with the same
/// request id has added.
pub async fn store_new(
    mut tx: Tx,
    caller: &Caller,
    draft: Campaign,
    original: Option<CampaignId>,
    (method, request_id): (&str, &str),
    action: &str,
) -> Result<Wire, Status> {
    let (workspace, id, now) = (caller.workspace, draft.campaign_id.0, draft.created_at);
    if let Some(first) = request::claim(&mut tx, workspace, method, request_id, id, now).await.map_err(status::store)? {
        let first = campaign::get(&mut tx, workspace, first.into()).await.map_err(status::store)?;
        return view::one(&mut tx, &first.ok_or_else(|| status::not_found("campaign"))?).await;
    }
    campaign::insert(&mut tx, &draft).await.map_err(status::store)?;
    if let Some(original) = original {
        copy::clone(&mut tx, workspace, original, draft.campaign_id, now).await.map_err(status::store)?;
    }
    let change = Change { workspace, caller, action, id, before: None, after: Some(&draft), at: now };
    change.record(&mut tx).await?;
    let view = view::one(&mut tx, &draft).await?;
    commit(tx).await?;
    Ok(view)
}
