//! ListUsers.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::workspace::{ListUsersRequest, ListUsersResponse};
use runtime::{auth, status};
use store::user;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListUsersRequest>) -> Result<ListUsersResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut users = user::list(&mut tx, caller.workspace, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut users, |user| user.user_id.0);
    Ok(ListUsersResponse { users: users.into_iter().map(present).collect(), next_page_token })
}
