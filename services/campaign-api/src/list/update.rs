//! UpdateList: renames or archives; what is left out stays.

use super::{name, refused, view::present};
use crate::{audit::Change, convert::commit, state::State};
use domain::{ListId, role::Role};
use proto::contact::{UpdateListRequest, UpdateListResponse};
use runtime::{auth, status};
use store::list;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateListRequest>) -> Result<UpdateListResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ListId = status::id("id", &request.id)?;
    let new_name = request.name.as_deref().map(name).transpose()?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    list::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = list::get(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("list"))?;
    let mut after = before.clone();
    after.name = new_name.unwrap_or(after.name);
    after.archived_at = match request.archived {
        Some(true) => before.archived_at.or(Some(now)),
        Some(false) => None,
        None => before.archived_at,
    };
    if after != before {
        list::update(&mut tx, caller.workspace, &after).await.map_err(refused)?;
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "list.update",
            id: id.0,
            before: Some(&before),
            after: Some(&after),
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(UpdateListResponse { list: Some(present(after)) })
}
