//! ListSegmentContacts.

use super::filter;
use crate::{contact::present, convert::page, state::State};
use domain::role::Role;
use proto::contact::{ListSegmentContactsRequest, ListSegmentContactsResponse};
use runtime::{auth, status};
use store::{contact, segment};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListSegmentContactsRequest>) -> Result<ListSegmentContactsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let _room = filter::room(state).await?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let filter = filter::choose(&mut tx, caller.workspace, &request.id, request.filter.as_ref()).await?;
    let found = segment::page(&mut tx, caller.workspace, &filter, state.clock.now(), page.after, page.limit()).await;
    let mut found = found.map_err(status::store)?;
    let next_page_token = page.finish(&mut found, |id| *id);
    let contacts = contact::get_many(&mut tx, caller.workspace, &found).await.map_err(status::store)?;
    Ok(ListSegmentContactsResponse { contacts: contacts.into_iter().map(present).collect(), next_page_token })
}
