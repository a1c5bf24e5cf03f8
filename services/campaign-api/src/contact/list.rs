//! ListContacts.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::contact::{ListContactsRequest, ListContactsResponse};
use runtime::{auth, status};
use store::contact::{self, Filter};
use tonic::{Request, Status};

const MAX_SEARCH: usize = 100;

pub async fn run(state: &State, request: Request<ListContactsRequest>) -> Result<ListContactsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let list = if request.list_id.is_empty() { None } else { Some(status::id("list_id", &request.list_id)?) };
    let search = request.search.trim();
    if let Some(reason) = super::limits::text(search, MAX_SEARCH) {
        return Err(status::invalid("search", reason));
    }
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(list) = list {
        let found = store::list::get(&mut tx, caller.workspace, list).await.map_err(status::store)?;
        found.ok_or_else(|| status::not_found("list"))?;
    }
    let mut contacts = contact::list(&mut tx, caller.workspace, Filter { list, search }, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut contacts, |contact| contact.contact_id.0);
    Ok(ListContactsResponse { contacts: contacts.into_iter().map(present).collect(), next_page_token })
}
