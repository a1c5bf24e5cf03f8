//! ListConversations.

use super::view;
use crate::{convert::page, state::State};
use domain::{conversation::Status as Standing, role::Role};
use proto::conversation::{ListConversationsRequest, ListConversationsResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::conversation::{self, Filter};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListConversationsRequest>) -> Result<ListConversationsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let filter = filter(&request)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut found = conversation::list(&mut tx, caller.workspace, &filter, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut found, |conversation| conversation.last_message_id.0);
    Ok(ListConversationsResponse { conversations: found.into_iter().map(view::present).collect(), next_page_token })
}

fn filter(request: &ListConversationsRequest) -> Result<Filter, Status> {
    let mut violations = Violations::new();
    let (standing, handler) = (view::status(request.status), view::handler(request.handler));
    violations.expect(request.status == 0 || standing.is_some(), "status", "is not one that this version knows: open or archived");
    violations.expect(request.status == 0 || !request.any_status, "any_status", "leave it out, or the status");
    violations.expect(
        request.handler == 0 || handler.is_some(),
        "handler",
        "is not one that this version knows: none, assistant or person",
    );
    violations.check()?;
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Ok(Filter {
        status: if request.any_status { None } else { Some(standing.unwrap_or(Standing::Open)) },
        handler,
        assigned_to: given(&request.assigned_to),
        sender_id: given(&request.sender_id).map(|id| status::id("sender_id", &id)).transpose()?,
        contact_id: given(&request.contact_id).map(|id| status::id("contact_id", &id)).transpose()?,
        unread_only: request.unread_only,
    })
}
