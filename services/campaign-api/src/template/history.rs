//! ListTemplateVersions and ListTemplateUses.

use crate::{
    campaign::wire_status,
    convert::{page, timestamp},
    state::State,
};
use domain::{TemplateId, WorkspaceId, role::Role};
use proto::template::{
    ListTemplateUsesRequest, ListTemplateUsesResponse, ListTemplateVersionsRequest, ListTemplateVersionsResponse, TemplateUse,
    TemplateVersion,
};
use runtime::{auth, status};
use store::{
    PgConnection,
    template::{self, Use, Version},
};
use tonic::{Request, Status};

pub async fn versions(state: &State, request: Request<ListTemplateVersionsRequest>) -> Result<ListTemplateVersionsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: TemplateId = status::id("id", &request.id)?;
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    must_exist(&mut tx, caller.workspace, id).await?;
    let mut versions = template::versions(&mut tx, caller.workspace, id, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut versions, Version::place);
    let version = |version: Version| TemplateVersion {
        version: version.version.unsigned_abs(),
        created_at: Some(timestamp(version.created_at)),
        created_by: version.created_by,
    };
    Ok(ListTemplateVersionsResponse { versions: versions.into_iter().map(version).collect(), next_page_token })
}

pub async fn uses(state: &State, request: Request<ListTemplateUsesRequest>) -> Result<ListTemplateUsesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: TemplateId = status::id("id", &request.id)?;
    let page = page(request.page_size, &request.page_token)?;
    let version = match request.version {
        0 => None,
        version => Some(i32::try_from(version).map_err(|_| status::not_found("template"))?),
    };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    must_exist(&mut tx, caller.workspace, id).await?;
    let mut uses = template::uses(&mut tx, caller.workspace, id, version, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut uses, |one| one.campaign_id.0);
    Ok(ListTemplateUsesResponse { uses: uses.into_iter().map(present).collect(), next_page_token })
}

async fn must_exist(connection: &mut PgConnection, workspace: WorkspaceId, id: TemplateId) -> Result<(), Status> {
    if template::exists(connection, workspace, id).await.map_err(status::store)? { Ok(()) } else { Err(status::not_found("template")) }
}

fn present(one: Use) -> TemplateUse {
    TemplateUse {
        campaign_id: one.campaign_id.to_string(),
        campaign_name: one.campaign_name,
        campaign_status: wire_status(one.status).into(),
        version: one.version.map(i32::unsigned_abs).unwrap_or_default(),
        run_versions: one.run_versions.into_iter().map(i32::unsigned_abs).collect(),
    }
}
