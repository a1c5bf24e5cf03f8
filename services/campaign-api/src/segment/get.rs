//! GetSegment.

use super::view::present;
use crate::state::State;
use domain::role::Role;
use proto::contact::{GetSegmentRequest, GetSegmentResponse};
use runtime::{auth, status};
use store::segment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetSegmentRequest>) -> Result<GetSegmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let segment = segment::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(GetSegmentResponse { segment: Some(present(segment.ok_or_else(|| status::not_found("segment"))?)) })
}
