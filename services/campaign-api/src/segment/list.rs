//! ListSegments.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::contact::{ListSegmentsRequest, ListSegmentsResponse};
use runtime::{auth, status};
use store::segment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListSegmentsRequest>) -> Result<ListSegmentsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut segments = segment::list(&mut tx, caller.workspace, request.include_archived, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut segments, |segment| segment.segment_id.0);
    Ok(ListSegmentsResponse { segments: segments.into_iter().map(present).collect(), next_page_token })
}
