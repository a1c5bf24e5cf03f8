//! CreateList.

use super::{name, refused, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{ListId, role::Role};
use proto::contact::{CreateListRequest, CreateListResponse};
use runtime::{auth, status};
use store::{
    list::{self, List},
    request,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateListRequest>) -> Result<CreateListResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let now = state.clock.now();
    let (list_id, name) = (ListId::new(), name(&request.name)?);
    let list = List { list_id, name, archived_at: None, created_at: now, member_count: 0, double_opt_in: false };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateList", key, list.list_id.0, now).await.map_err(status::store)? {
        let list = list::get(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        return Ok(CreateListResponse { list: Some(present(list.ok_or_else(|| status::not_found("list"))?)) });
    }
    list::insert(&mut tx, caller.workspace, &list).await.map_err(refused)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "list.create",
        id: list.list_id.0,
        before: None,
        after: Some(&list),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateListResponse { list: Some(present(list)) })
}
