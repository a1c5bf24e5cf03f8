//! GetList.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::contact::{GetListRequest, GetListResponse};
use runtime::{auth, status};
use store::list;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetListRequest>) -> Result<GetListResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let list = list::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(GetListResponse { list: Some(present(list.ok_or_else(|| status::not_found("list"))?)) })
}
