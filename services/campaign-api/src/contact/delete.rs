//! DeleteContact. What was sent to the contact stays in the ledger and stays counted.

use super::record::Record;
use crate::{audit::Change, convert::commit, state::State};
use domain::role::Role;
use proto::contact::{DeleteContactRequest, DeleteContactResponse};
use runtime::{auth, status};
use store::contact::{self, Draft};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<DeleteContactRequest>) -> Result<DeleteContactResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let deleted = contact::delete(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let deleted = deleted.ok_or_else(|| status::not_found("contact"))?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "contact.delete",
        id: id.0,
        before: Some(&Record::of(&deleted.draft, &Draft::default())),
        after: None,
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(DeleteContactResponse {})
}
