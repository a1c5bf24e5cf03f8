//! DeleteAttachment.

use crate::{audit::Change, convert::commit, state::State};
use domain::{AttachmentId, role::Role};
use proto::template::{DeleteAttachmentRequest, DeleteAttachmentResponse};
use runtime::{auth, status};
use store::attachment;
use tonic::{Request, Status};

/// Templates that a refusal names.
const NAMED: i64 = 5;

pub async fn run(state: &State, request: Request<DeleteAttachmentRequest>) -> Result<DeleteAttachmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: AttachmentId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let attachment = attachment::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let attachment = attachment.ok_or_else(|| status::not_found("attachment"))?;
    // Gone first: a version that names it is written before, and seen below, or after, and doesn't find it.
    attachment::delete(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let users = attachment::users(&mut tx, caller.workspace, id, NAMED).await.map_err(status::store)?;
    if !users.is_empty() {
        let names: Vec<_> = users.iter().map(|name| format!("{name:?}")).collect();
        let message = format!("versions of templates carry it: {}; they keep what they were written with", names.join(", "));
        return Err(status::precondition("ATTACHMENT_IN_USE", message));
    }
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "attachment.delete",
        id: id.0,
        before: Some(&attachment),
        after: None,
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(DeleteAttachmentResponse {})
}
