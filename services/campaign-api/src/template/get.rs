//! GetTemplate.

use super::view::present;
use crate::state::State;
use domain::{WorkspaceId, role::Role};
use proto::template::{GetTemplateRequest, GetTemplateResponse};
use runtime::{auth, status};
use store::{
    PgConnection,
    template::{self, Template},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetTemplateRequest>) -> Result<GetTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let template = find(&mut tx, caller.workspace, &request.id, request.version).await?;
    Ok(GetTemplateResponse { template: Some(present(template)) })
}

/// Reads a template in the version asked for; 0 is the newest.
///
/// # Errors
/// NOT_FOUND when the workspace has no such template or version.
pub async fn find(connection: &mut PgConnection, workspace: WorkspaceId, id: &str, version: u32) -> Result<Template, Status> {
    let id = status::id("id", id)?;
    let version = match version {
        0 => None,
        version => Some(i32::try_from(version).map_err(|_| status::not_found("template"))?),
    };
    let template = template::get(connection, workspace, id, version).await.map_err(status::store)?;
    template.ok_or_else(|| status::not_found("template"))
}
