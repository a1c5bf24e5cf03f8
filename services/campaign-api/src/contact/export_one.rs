//! ExportContact: all that is kept about one person. That it was handed out is in the audit log.

use crate::{audit::Change, conversation, convert::commit, state::State};
use domain::{ContactId, role::Role};
use proto::contact::{ExportContactRequest, ExportContactResponse};
use runtime::{auth, status};
use serde_json::json;
use store::consent::export;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ExportContactRequest>) -> Result<ExportContactResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id: ContactId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let person = export::export(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let mut person = person.ok_or_else(|| status::not_found("contact"))?;
    person["conversations"] = conversation::export(state, &mut tx, caller.workspace, id).await?;
    let messages = person["messages"].as_array().map_or(0, Vec::len);
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "contact.export_one",
        id: id.0,
        before: None,
        after: Some(&json!({ "messages": messages })),
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(ExportContactResponse { json: person.to_string() })
}
