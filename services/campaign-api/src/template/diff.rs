//! DiffTemplateVersions.

mod compare;

use super::get::find;
use crate::state::State;
use compare::compare;
use domain::role::Role;
use proto::template::{DiffTemplateVersionsRequest, DiffTemplateVersionsResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<DiffTemplateVersionsRequest>) -> Result<DiffTemplateVersionsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let after = find(&mut tx, caller.workspace, &request.id, request.to_version).await?;
    let to_version = after.version.unsigned_abs();
    let from_version = match request.from_version {
        0 if to_version == 1 => return Err(status::invalid("from_version", "version 1 has none before it: name two versions")),
        0 => to_version - 1,
        version => version,
    };
    let before = find(&mut tx, caller.workspace, &request.id, from_version).await?;
    drop(tx);
    let (before, after) = (before.content.texts(), after.content.texts());
    // Two long texts without a line in common take a while.
    let compared = tokio::task::spawn_blocking(move || compare(&before, &after)).await.map_err(|error| status::internal(&error))?;
    Ok(DiffTemplateVersionsResponse { from_version, to_version, fields: compared.fields, truncated: compared.truncated })
}
