//! CreateSegment.

use super::{description, filter, name, refused, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{SegmentId, role::Role};
use proto::contact::{CreateSegmentRequest, CreateSegmentResponse};
use runtime::{auth, status};
use store::{
    request,
    segment::{self, Segment},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateSegmentRequest>) -> Result<CreateSegmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let (workspace, now) = (caller.workspace, state.clock.now());
    let (name, description) = (name(&request.name)?, description(&request.description)?);
    let given = request.filter.ok_or_else(|| status::invalid("filter", "must be given"))?;
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    let segment = Segment {
        segment_id: SegmentId::new(),
        name,
        description,
        filter: filter::read(&mut tx, workspace, &given).await?,
        revision: 1,
        archived_at: None,
        created_at: now,
        updated_at: now,
    };
    if let Some(first) = request::claim(&mut tx, workspace, "CreateSegment", key, segment.segment_id.0, now).await.map_err(status::store)? {
        let segment = segment::get(&mut tx, workspace, first.into()).await.map_err(status::store)?;
        return Ok(CreateSegmentResponse { segment: Some(present(segment.ok_or_else(|| status::not_found("segment"))?)) });
    }
    segment::insert(&mut tx, workspace, &segment).await.map_err(refused)?;
    let change = Change {
        workspace,
        caller: &caller,
        action: "segment.create",
        id: segment.segment_id.0,
        before: None,
        after: Some(&segment),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateSegmentResponse { segment: Some(present(segment)) })
}
