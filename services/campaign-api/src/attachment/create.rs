//! CreateAttachment.

use super::{read, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{AttachmentId, role::Role};
use proto::template::{CreateAttachmentRequest, CreateAttachmentResponse};
use ring::digest::{SHA256, digest};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    attachment::{self, Attachment},
    request,
};
use tonic::{Request, Status};

/// Of one workspace.
const MAX_FILES: i64 = 1_000;
const MAX_BYTES: i64 = 1 << 30;

pub async fn run(state: &State, request: Request<CreateAttachmentRequest>) -> Result<CreateAttachmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let mut violations = Violations::new();
    let name = read::name(&request.name, &mut violations);
    let media_type = read::media_type(&request.content, &name, &mut violations);
    violations.check()?;
    let (id, now) = (AttachmentId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateAttachment", key, id.0, now).await.map_err(status::store)? {
        let first = attachment::get(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        return Ok(CreateAttachmentResponse { attachment: Some(present(first.ok_or_else(|| status::not_found("attachment"))?)) });
    }
    let size = i32::try_from(request.content.len()).map_err(|error| status::internal(&error))?;
    let usage = attachment::usage(&mut tx, caller.workspace).await.map_err(status::store)?;
    if usage.files >= MAX_FILES || usage.bytes + i64::from(size) > MAX_BYTES {
        return Err(status::exhausted("TOO_MANY_ATTACHMENTS", "a workspace has 1,000 files and 1 GiB at most: delete some first"));
    }
    let attachment = Attachment {
        attachment_id: id,
        name,
        media_type: media_type.to_owned(),
        size_bytes: size,
        sha256: digest(&SHA256, &request.content).as_ref().to_vec(),
        created_at: now,
    };
    attachment::insert(&mut tx, caller.workspace, &attachment, &request.content).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "attachment.create",
        id: id.0,
        before: None,
        after: Some(&attachment),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateAttachmentResponse { attachment: Some(present(attachment)) })
}
