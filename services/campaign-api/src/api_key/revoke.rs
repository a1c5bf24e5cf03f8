//! RevokeApiKey: for good. A key that is revoked already stays as it is.

use super::view::present;
use crate::{audit::Change, convert::commit, state::State};
use domain::{ApiKeyId, role::Role};
use proto::workspace::{RevokeApiKeyRequest, RevokeApiKeyResponse};
use runtime::{auth, status};
use store::api_key::{self, ApiKey};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<RevokeApiKeyRequest>) -> Result<RevokeApiKeyResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    caller.require_token()?;
    let id: ApiKeyId = status::id("id", &request.get_ref().id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let revoked = api_key::revoke(&mut tx, caller.workspace, id, &caller.subject, now).await.map_err(status::store)?;
    let after = api_key::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let after = after.ok_or_else(|| status::not_found("API key"))?;
    if revoked {
        let before = ApiKey { revoked_at: None, revoked_by: String::new(), ..after.clone() };
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "api_key.revoke",
            id: id.0,
            before: Some(&before),
            after: Some(&after),
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(RevokeApiKeyResponse { api_key: Some(present(after)) })
}
