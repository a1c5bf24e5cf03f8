//! GetApiKey.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::workspace::{GetApiKeyRequest, GetApiKeyResponse};
use runtime::{auth, status};
use store::api_key;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetApiKeyRequest>) -> Result<GetApiKeyResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let key = api_key::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(GetApiKeyResponse { api_key: Some(present(key.ok_or_else(|| status::not_found("API key"))?)) })
}
