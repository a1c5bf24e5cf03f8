//! GetUser.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::workspace::{GetUserRequest, GetUserResponse};
use runtime::{auth, status};
use store::user;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetUserRequest>) -> Result<GetUserResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let user = user::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(GetUserResponse { user: Some(present(user.ok_or_else(|| status::not_found("user"))?)) })
}
