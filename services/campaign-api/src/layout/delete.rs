//! DeleteLayout.

use super::read;
use crate::{audit::Change, convert::commit, state::State};
use domain::role::Role;
use proto::template::{DeleteLayoutRequest, DeleteLayoutResponse};
use runtime::{auth, status};
use store::layout;
use tonic::{Request, Status};

/// Templates that a refusal names.
const NAMED: i64 = 5;

pub async fn run(state: &State, request: Request<DeleteLayoutRequest>) -> Result<DeleteLayoutResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let key = read::key(&request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let layout = layout::lock(&mut tx, caller.workspace, key).await.map_err(status::store)?;
    let layout = layout.ok_or_else(|| status::not_found("layout"))?;
    let users = layout::users(&mut tx, caller.workspace, &layout.name, NAMED).await.map_err(status::store)?;
    if !users.is_empty() {
        let names: Vec<_> = users.iter().map(|template| format!("{:?}", template.name)).collect();
        let message = format!("templates use it: {}; let them use another one, or archive them", names.join(", "));
        return Err(status::precondition("LAYOUT_IN_USE", message));
    }
    layout::delete(&mut tx, caller.workspace, layout.layout_id).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "layout.delete",
        id: layout.layout_id.0,
        before: Some(&layout),
        after: None,
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(DeleteLayoutResponse {})
}
