//! GetWorkspace.

use super::present;
use crate::state::State;
use domain::role::Role;
use proto::workspace::{GetWorkspaceRequest, GetWorkspaceResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetWorkspaceRequest>) -> Result<GetWorkspaceResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let workspace = store::workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
    let workspace = workspace.ok_or_else(|| status::not_found("workspace"))?;
    Ok(GetWorkspaceResponse { workspace: Some(present(workspace)) })
}
