//! GetAuditEntry.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::workspace::{GetAuditEntryRequest, GetAuditEntryResponse};
use runtime::{auth, status};
use store::audit;
use tonic::{Request, Status};

/// Each of before and after; both fit into a message of 4 MiB, which is what clients take.
const MAX_BYTES: i32 = 1_536 * 1_024;

pub async fn run(state: &State, request: Request<GetAuditEntryRequest>) -> Result<GetAuditEntryResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let number = request.get_ref().number;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let entry = audit::get(&mut tx, caller.workspace, number, MAX_BYTES).await.map_err(status::store)?;
    Ok(GetAuditEntryResponse { entry: Some(present(entry.ok_or_else(|| status::not_found("audit entry"))?)) })
}
