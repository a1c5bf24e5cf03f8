//! ListConnectable.

use super::{Kept, attempt, connector, open, refused};
use crate::state::State;
use domain::role::Role;
use proto::sender::{ConnectState, ConnectableAccount, ListConnectableRequest, ListConnectableResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

/// Accounts that are shown; nobody posts as more.
const ACCOUNTS_MAX: usize = 500;

pub async fn run(state: &State, request: Request<ListConnectableRequest>) -> Result<ListConnectableResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let (connect, sender) = {
        let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        attempt(state, &mut tx, &caller, &request.get_ref().connect_id).await?
    };
    let says = |state: ConnectState, detail: &str| ListConnectableResponse {
        state: state.into(),
        accounts: Vec::new(),
        detail: detail.to_owned(),
    };
    if connect.finished_at.is_some() {
        return Ok(says(ConnectState::Finished, ""));
    }
    if !connect.failure.is_empty() {
        return Ok(says(ConnectState::Failed, &connect.failure));
    }
    let Some(sealed) = &connect.sealed_tokens else {
        // The code is being traded at this moment, or the person hasn't answered.
        let is_late = connect.expires_at <= state.clock.now();
        return Ok(if is_late { says(ConnectState::Failed, "nobody said yes in time") } else { says(ConnectState::Waiting, "") });
    };
    let kept: Kept = open(state, connect.connect_id, sealed)?;
    let accounts = connector(state, &sender)?.accounts(&kept.into()).await.map_err(|fault| refused(&fault))?;
    let shown = accounts.into_iter().take(ACCOUNTS_MAX);
    let accounts = shown.map(|account| ConnectableAccount { external_id: account.external_id, handle: account.handle }).collect();
    Ok(ListConnectableResponse { state: ConnectState::Ready.into(), accounts, detail: String::new() })
}
