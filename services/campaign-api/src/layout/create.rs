//! CreateLayout.

use super::{read, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{LayoutId, role::Role};
use proto::template::{CreateLayoutRequest, CreateLayoutResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    layout::{self, Key, Layout},
    request,
};
use tonic::{Request, Status};

/// Layouts of a workspace at most.
const MAX_LAYOUTS: i64 = 500;

pub async fn run(state: &State, request: Request<CreateLayoutRequest>) -> Result<CreateLayoutResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let mut violations = Violations::new();
    let name = read::name(&request.name, &mut violations);
    read::html(&request.html, &mut violations).await?;
    violations.check()?;
    let (id, now) = (LayoutId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateLayout", key, id.0, now).await.map_err(status::store)? {
        let first = layout::get(&mut tx, caller.workspace, Key::Id(first.into())).await.map_err(status::store)?;
        return Ok(CreateLayoutResponse { layout: Some(present(first.ok_or_else(|| status::not_found("layout"))?)) });
    }
    if layout::count(&mut tx, caller.workspace).await.map_err(status::store)? >= MAX_LAYOUTS {
        return Err(status::exhausted("TOO_MANY_LAYOUTS", format!("a workspace has {MAX_LAYOUTS} layouts at most: delete one first")));
    }
    let layout = Layout { layout_id: id, name, html: request.html, revision: 1, created_at: now, updated_at: now };
    layout::insert(&mut tx, caller.workspace, &layout).await.map_err(refused)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "layout.create",
        id: id.0,
        before: None,
        after: Some(&layout),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateLayoutResponse { layout: Some(present(layout)) })
}

fn refused(error: store::Error) -> Status {
    if error.is_constraint("layout_name") {
        return status::already_exists("layout", "there is a layout of this name already");
    }
    status::store(error)
}
