//! CloneCampaign.

use super::{
    create::store_new,
    settings::{self, MAX_NAME},
};
use crate::{convert::request_id, state::State};
use domain::{CampaignId, campaign::Settings, role::Role};
use proto::campaign::{CloneCampaignRequest, CloneCampaignResponse};
use runtime::{auth, status};
use store::campaign;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CloneCampaignRequest>) -> Result<CloneCampaignResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let id: CampaignId = status::id("id", &request.id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let original = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let original = original.ok_or_else(|| status::not_found("campaign"))?.settings;
    let name = name(&request.name, &original.name)?;
    let settings = Settings { name, ..original };
    let draft = settings::draft(caller.workspace, settings, caller.subject.clone(), state.clock.now());
    let campaign = store_new(tx, &caller, draft, Some(id), ("CloneCampaign", key), "campaign.clone").await?;
    Ok(CloneCampaignResponse { campaign: Some(campaign) })
}

fn name(given: &str, original: &str) -> Result<String, Status> {
    match given.trim() {
        "" => Ok(format!("Copy of {original}").chars().take(MAX_NAME).collect()),
        name if name.chars().count() <= MAX_NAME => Ok(name.to_owned()),
        _ => Err(status::invalid("name", format!("must be at most {MAX_NAME} characters"))),
    }
}
