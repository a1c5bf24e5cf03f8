//! ListSenders.

use super::view;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::sender::{ListSendersRequest, ListSendersResponse};
use runtime::{auth, status};
use store::sender;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListSendersRequest>) -> Result<ListSendersResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut senders = sender::list(&mut tx, caller.workspace, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut senders, |sender| sender.sender_id.0);
    Ok(ListSendersResponse { senders: view::many(state, &mut tx, caller.workspace, senders).await?, next_page_token })
}
