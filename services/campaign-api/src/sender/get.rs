//! GetSender.

use super::view;
use crate::state::State;
use domain::{SenderId, role::Role};
use proto::sender::{GetSenderRequest, GetSenderResponse};
use runtime::{auth, status};
use store::sender;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetSenderRequest>) -> Result<GetSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: SenderId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let sender = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let sender = sender.ok_or_else(|| status::not_found("sender"))?;
    Ok(GetSenderResponse { sender: Some(view::one(state, &mut tx, sender).await?) })
}
