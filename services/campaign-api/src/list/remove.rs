//! RemoveListMembers. Contacts that aren't members are no error: afterwards they are not members.

use super::members::{self, Members};
use crate::{audit::Change, convert::commit, state::State};
use domain::role::Role;
use proto::contact::{RemoveListMembersRequest, RemoveListMembersResponse};
use runtime::{auth, status};
use store::list;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<RemoveListMembersRequest>) -> Result<RemoveListMembersResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let (id, contacts) = members::read(&request.list_id, &request.contact_ids)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    list::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("list"))?;
    let removed = list::remove_members(&mut tx, caller.workspace, id, &contacts).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "list.remove_members",
        id: id.0,
        before: Some(&Members { contact_ids: contacts, changed: removed }),
        after: None,
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(RemoveListMembersResponse { removed })
}
