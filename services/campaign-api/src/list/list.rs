//! ListLists.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::contact::{ListListsRequest, ListListsResponse};
use runtime::{auth, status};
use store::list;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListListsRequest>) -> Result<ListListsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut lists = list::list(&mut tx, caller.workspace, request.include_archived, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut lists, |list| list.list_id.0);
    Ok(ListListsResponse { lists: lists.into_iter().map(present).collect(), next_page_token })
}
