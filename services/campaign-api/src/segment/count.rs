//! CountSegment.

use super::filter;
use crate::state::State;
use domain::role::Role;
use proto::contact::{CountSegmentRequest, CountSegmentResponse};
use runtime::{auth, status};
use store::segment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CountSegmentRequest>) -> Result<CountSegmentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let _room = filter::room(state).await?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let filter = filter::choose(&mut tx, caller.workspace, &request.id, request.filter.as_ref()).await?;
    let counted = segment::count(&mut tx, caller.workspace, &filter, state.clock.now()).await.map_err(status::store)?;
    Ok(CountSegmentResponse { contacts: counted.matching, all_contacts: counted.all })
}
