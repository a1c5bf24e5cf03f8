//! GetContact.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::contact::{GetContactRequest, GetContactResponse};
use runtime::{auth, status};
use store::contact;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetContactRequest>) -> Result<GetContactResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let contact = contact::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let contact = contact.ok_or_else(|| status::not_found("contact"))?;
    Ok(GetContactResponse { contact: Some(present(contact)) })
}
