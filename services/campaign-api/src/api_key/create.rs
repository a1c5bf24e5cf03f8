//! CreateApiKey. The secret is made here, answered once, and never kept or logged.

use super::view::present;
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{ApiKeyId, role::Role};
use proto::{
    convert,
    workspace::{CreateApiKeyRequest, CreateApiKeyResponse},
};
use ring::rand::SystemRandom;
use runtime::{
    Caller,
    auth::{self, ApiKeyText},
    status::{self, Violations},
};
use store::{
    api_key::{self, ApiKey},
    request, workspace,
};
use time::OffsetDateTime;
use tonic::{Request, Status};

const MAX_NAME: usize = 100;
/// Keys of a workspace that aren't revoked, at most.
const MAX_KEYS: i64 = 500;

pub async fn run(state: &State, request: Request<CreateApiKeyRequest>) -> Result<CreateApiKeyResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    caller.require_token()?;
    let request = request.into_inner();
    let call = request_id(&request.request_id)?;
    let now = state.clock.now();
    let key = read(&request, &caller, now)?;
    let text = ApiKeyText::generate(key.api_key_id, &SystemRandom::new()).map_err(|error| status::internal(&error))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let id = key.api_key_id.0;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateApiKey", call, id, now).await.map_err(status::store)? {
        let key = api_key::get(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        let key = key.ok_or_else(|| status::not_found("API key"))?;
        return Ok(CreateApiKeyResponse { api_key: Some(present(key)), key: String::new() });
    }
    // Counted by one call at a time.
    workspace::lock(&mut tx, caller.workspace).await.map_err(status::store)?;
    if api_key::count(&mut tx, caller.workspace).await.map_err(status::store)? >= MAX_KEYS {
        return Err(status::exhausted("TOO_MANY_API_KEYS", "the workspace has 500 API keys already: revoke some first"));
    }
    api_key::insert(&mut tx, caller.workspace, &key, &text.secret_hash()).await.map_err(refused)?;
    let change =
        Change { workspace: caller.workspace, caller: &caller, action: "api_key.create", id, before: None, after: Some(&key), at: now };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateApiKeyResponse { api_key: Some(present(key)), key: text.text().to_string() })
}

fn read(request: &CreateApiKeyRequest, caller: &Caller, now: OffsetDateTime) -> Result<ApiKey, Status> {
    let mut violations = Violations::new();
    let name = request.name.trim().to_owned();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    violations.expect(fits, "name", "must have 1 to 100 characters, without line breaks");
    let role = convert::role(request.role);
    violations.expect(role.is_some(), "role", "must be AGENT or ADMIN");
    let expires_at = request.expires_at.and_then(convert::moment);
    let in_time = request.expires_at.is_none() || expires_at.is_some_and(|end| end > now);
    violations.expect(in_time, "expires_at", "must be in the future, or left out");
    violations.check()?;
    Ok(ApiKey {
        api_key_id: ApiKeyId::new(),
        name,
        role: role.unwrap_or(Role::Agent),
        created_at: now,
        created_by: caller.subject.clone(),
        expires_at,
        last_used_at: None,
        revoked_at: None,
        revoked_by: String::new(),
    })
}

fn refused(error: store::Error) -> Status {
    if error.is_constraint("api_key_name") {
        return status::already_exists("API key", "there is a key of this name already: revoke it, or choose another name");
    }
    status::store(error)
}
