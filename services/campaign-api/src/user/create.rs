//! CreateUser.

use super::{limits, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{UserId, role::Role};
use proto::workspace::{CreateUserRequest, CreateUserResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    request,
    user::{self, User},
    workspace,
};
use time::OffsetDateTime;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateUserRequest>) -> Result<CreateUserResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    caller.require_token()?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?.to_owned();
    let now = state.clock.now();
    let user = read(request, now)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateUser", &key, user.user_id.0, now).await.map_err(status::store)? {
        let user = user::get(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        return Ok(CreateUserResponse { user: Some(present(user.ok_or_else(|| status::not_found("user"))?)) });
    }
    // Counted by one call at a time.
    workspace::lock(&mut tx, caller.workspace).await.map_err(status::store)?;
    if user::count(&mut tx, caller.workspace).await.map_err(status::store)? >= limits::MAX_USERS {
        return Err(status::exhausted("TOO_MANY_USERS", "the workspace lists 10,000 people already: take some off the list first"));
    }
    user::insert(&mut tx, caller.workspace, &user).await.map_err(refused)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "user.create",
        id: user.user_id.0,
        before: None,
        after: Some(&user),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateUserResponse { user: Some(present(user)) })
}

fn read(request: CreateUserRequest, now: OffsetDateTime) -> Result<User, Status> {
    let mut violations = Violations::new();
    let user = User {
        user_id: UserId::new(),
        // As the token has it, to the letter.
        subject: request.subject,
        name: request.name.trim().to_owned(),
        email: request.email.trim().to_owned(),
        role: limits::role(request.role, &mut violations),
        disabled_at: None,
        created_at: now,
        updated_at: now,
    };
    limits::subject(&user.subject, &mut violations);
    limits::name(&user.name, &mut violations);
    limits::email(&user.email, &mut violations);
    violations.check()?;
    Ok(user)
}

fn refused(error: store::Error) -> Status {
    if error.is_constraint("app_user_subject") {
        return status::already_exists("user", "the workspace lists this subject already: change that entry");
    }
    status::store(error)
}
