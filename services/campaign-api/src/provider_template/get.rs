//! GetProviderTemplate.

use super::present;
use crate::state::State;
use domain::role::Role;
use proto::template::{GetProviderTemplateRequest, GetProviderTemplateResponse};
use runtime::{auth, status};
use store::provider_template;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetProviderTemplateRequest>) -> Result<GetProviderTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let found = provider_template::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let template = found.ok_or_else(|| status::not_found("provider template"))?;
    Ok(GetProviderTemplateResponse { template: Some(present(template)) })
}
