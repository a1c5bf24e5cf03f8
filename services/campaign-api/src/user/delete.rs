//! DeleteUser: takes a person off the list.

use crate::{audit::Change, convert::commit, state::State};
use domain::{UserId, role::Role};
use proto::workspace::{DeleteUserRequest, DeleteUserResponse};
use runtime::{auth, status};
use store::user;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<DeleteUserRequest>) -> Result<DeleteUserResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    caller.require_token()?;
    let id: UserId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = user::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("user"))?;
    if before.subject == caller.subject {
        return Err(status::precondition("OWN_RIGHTS", "you can't take yourself off the list: ask another admin"));
    }
    user::delete(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "user.delete",
        id: id.0,
        before: Some(&before),
        after: None,
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(DeleteUserResponse {})
}
