//! ListLayouts.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::template::{ListLayoutsRequest, ListLayoutsResponse};
use runtime::{auth, status};
use store::layout;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListLayoutsRequest>) -> Result<ListLayoutsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut layouts = layout::list(&mut tx, caller.workspace, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut layouts, |layout| layout.layout_id.0);
    Ok(ListLayoutsResponse { layouts: layouts.into_iter().map(present).collect(), next_page_token })
}
