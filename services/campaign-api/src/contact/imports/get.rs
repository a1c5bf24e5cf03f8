//! GetImport.

use super::present;
use crate::state::State;
use domain::role::Role;
use proto::contact::{GetImportRequest, GetImportResponse};
use runtime::{auth, status};
use store::contact::file;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetImportRequest>) -> Result<GetImportResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let import = file::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let import = import.ok_or_else(|| status::not_found("import"))?;
    Ok(GetImportResponse { contact_import: Some(present(import, state.clock.now())) })
}
