//! GetLayout.

use super::{read, view::present};
use crate::state::State;
use domain::role::Role;
use proto::template::{GetLayoutRequest, GetLayoutResponse};
use runtime::{auth, status};
use store::layout;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetLayoutRequest>) -> Result<GetLayoutResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let key = read::key(&request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let layout = layout::get(&mut tx, caller.workspace, key).await.map_err(status::store)?;
    Ok(GetLayoutResponse { layout: Some(present(layout.ok_or_else(|| status::not_found("layout"))?)) })
}
