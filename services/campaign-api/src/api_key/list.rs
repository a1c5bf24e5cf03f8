//! ListApiKeys.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::workspace::{ListApiKeysRequest, ListApiKeysResponse};
use runtime::{auth, status};
use store::api_key;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListApiKeysRequest>) -> Result<ListApiKeysResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut keys = api_key::list(&mut tx, caller.workspace, request.include_revoked, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut keys, |key| key.api_key_id.0);
    Ok(ListApiKeysResponse { api_keys: keys.into_iter().map(present).collect(), next_page_token })
}
