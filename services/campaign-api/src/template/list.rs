//! ListTemplates.

use super::view::present_summary;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::template::{ListTemplatesRequest, ListTemplatesResponse};
use runtime::{auth, status};
use store::template;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListTemplatesRequest>) -> Result<ListTemplatesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut templates = template::list(&mut tx, caller.workspace, request.include_archived, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut templates, |template| template.template_id.0);
    Ok(ListTemplatesResponse { templates: templates.into_iter().map(present_summary).collect(), next_page_token })
}
