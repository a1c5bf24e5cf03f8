//! GetAttachment.

use super::view::present;
use crate::state::State;
use domain::{AttachmentId, role::Role};
use proto::template::{GetAttachmentRequest, GetAttachmentResponse};
use runtime::{auth, status};
use store::attachment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetAttachmentRequest>) -> Result<GetAttachmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: AttachmentId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let attachment = attachment::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let attachment = attachment.ok_or_else(|| status::not_found("attachment"))?;
    let content = attachment::content(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let content = content.map(|content| content.bytes).unwrap_or_default();
    Ok(GetAttachmentResponse { attachment: Some(present(attachment)), content })
}
