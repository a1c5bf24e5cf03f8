//! UpdateSegment: what is left out stays.

use super::{description, filter, name, refused, view::present};
use crate::{audit::Change, convert::commit, state::State};
use domain::{SegmentId, role::Role};
use proto::contact::{UpdateSegmentRequest, UpdateSegmentResponse};
use runtime::{auth, status};
use store::segment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateSegmentRequest>) -> Result<UpdateSegmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: SegmentId = status::id("id", &request.id)?;
    let new_name = request.name.as_deref().map(name).transpose()?;
    let new_description = request.description.as_deref().map(description).transpose()?;
    let (workspace, now) = (caller.workspace, state.clock.now());
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    let before = segment::lock(&mut tx, workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("segment"))?;
    if request.base_revision != 0 && request.base_revision != before.revision.unsigned_abs() {
        let (base, revision) = (request.base_revision, before.revision);
        let message = format!("revision {base} was edited, and the segment is at {revision} now: read it again");
        return Err(status::conflict("REVISION_CHANGED", message));
    }
    let mut after = before.clone();
    after.name = new_name.unwrap_or(after.name);
    after.description = new_description.unwrap_or(after.description);
    if let Some(given) = &request.filter {
        after.filter = filter::read(&mut tx, workspace, given).await?;
    }
    after.archived_at = match request.archived {
        Some(true) => before.archived_at.or(Some(now)),
        Some(false) => None,
        None => before.archived_at,
    };
    if after != before {
        after.revision = before.revision.saturating_add(1);
        after.updated_at = now;
        segment::update(&mut tx, workspace, &after).await.map_err(refused)?;
        let change =
            Change { workspace, caller: &caller, action: "segment.update", id: id.0, before: Some(&before), after: Some(&after), at: now };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(UpdateSegmentResponse { segment: Some(present(after)) })
}
