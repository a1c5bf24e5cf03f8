//! ListPendingMembers.

use crate::{
    convert::{page, timestamp},
    state::State,
};
use domain::{ListId, role::Role};
use proto::consent::{ListPendingMembersRequest, ListPendingMembersResponse, PendingMember};
use runtime::{auth, status};
use store::consent::list;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListPendingMembersRequest>) -> Result<ListPendingMembersResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ListId = status::id("list_id", &request.list_id)?;
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    list::get(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("list"))?;
    let mut pending = list::pending(&mut tx, caller.workspace, id, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut pending, |pending| pending.contact_id.0);
    let member = |pending: list::Pending| PendingMember {
        contact_id: pending.contact_id.to_string(),
        requested_at: Some(timestamp(pending.requested_at)),
    };
    Ok(ListPendingMembersResponse { members: pending.into_iter().map(member).collect(), next_page_token })
}
