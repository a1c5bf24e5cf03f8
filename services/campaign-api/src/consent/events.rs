//! ListConsentEvents.

use super::view;
use crate::{contact::read_phone_rules, optout::registered_key, state::State};
use domain::role::Role;
use proto::consent::{ListConsentEventsRequest, ListConsentEventsResponse};
use runtime::{auth, status};
use store::consent::event::{self, Page, Whose};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListConsentEventsRequest>) -> Result<ListConsentEventsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = Page::parse(request.page_size, &request.page_token).map_err(|error| status::invalid("page_token", error.to_string()))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let whose = match (request.address.trim(), request.contact_id.as_str()) {
        ("", "") => return Err(status::invalid("address", "must be given, or a contact_id")),
        ("", contact) => Whose::Contact(status::id("contact_id", contact)?),
        (address, "") if address.contains('\0') => return Err(status::invalid("address", "has a NUL character in it")),
        (address, "") => Whose::Address(registered_key(None, address, &read_phone_rules(&mut tx, caller.workspace).await?)),
        _ => return Err(status::invalid("contact_id", "must be left out when there is an address")),
    };
    let mut events = event::list(&mut tx, caller.workspace, &whose, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut events);
    Ok(ListConsentEventsResponse { events: events.into_iter().map(view::event).collect(), next_page_token })
}
