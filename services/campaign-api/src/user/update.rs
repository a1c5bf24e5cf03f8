//! UpdateUser: changes what is given. Nobody takes their own rights away, so that a workspace doesn't lose its last admin by a slip.

use super::{limits, view::present};
use crate::{audit::Change, convert::commit, state::State};
use domain::{UserId, role::Role};
use proto::workspace::{UpdateUserRequest, UpdateUserResponse};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use store::user::{self, User};
use time::OffsetDateTime;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateUserRequest>) -> Result<UpdateUserResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    caller.require_token()?;
    let request = request.into_inner();
    let id: UserId = status::id("id", &request.id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = user::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("user"))?;
    let mut after = changed(before.clone(), request, now)?;
    keep_own_rights(&caller, &after)?;
    if after == before {
        return Ok(UpdateUserResponse { user: Some(present(before)) });
    }
    after.updated_at = now;
    user::update(&mut tx, caller.workspace, &after).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "user.update",
        id: id.0,
        before: Some(&before),
        after: Some(&after),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(UpdateUserResponse { user: Some(present(after)) })
}

fn changed(mut user: User, request: UpdateUserRequest, now: OffsetDateTime) -> Result<User, Status> {
    let mut violations = Violations::new();
    if let Some(name) = request.name {
        user.name = name.trim().to_owned();
        limits::name(&user.name, &mut violations);
    }
    if let Some(email) = request.email {
        user.email = email.trim().to_owned();
        limits::email(&user.email, &mut violations);
    }
    if request.role != 0 {
        user.role = limits::role(request.role, &mut violations);
    }
    user.disabled_at = match request.disabled {
        Some(true) => user.disabled_at.or(Some(now)),
        Some(false) => None,
        None => user.disabled_at,
    };
    violations.check()?;
    Ok(user)
}

fn keep_own_rights(caller: &Caller, user: &User) -> Result<(), Status> {
    if user.subject == caller.subject && (user.role != Role::Admin || user.disabled_at.is_some()) {
        return Err(status::precondition("OWN_RIGHTS", "you can't take your own rights away: ask another admin"));
    }
    Ok(())
}
