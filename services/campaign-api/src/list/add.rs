//! AddListMembers.

use super::members::{self, MAX_NAMED, Members};
use crate::{audit::Change, convert::commit, state::State};
use domain::role::Role;
use proto::contact::{AddListMembersRequest, AddListMembersResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use std::collections::HashSet;
use store::{consent, list};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<AddListMembersRequest>) -> Result<AddListMembersResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let (id, contacts) = members::read(&request.list_id, &request.contact_ids)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    // Not archived under our hands.
    let is_archived = list::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    if is_archived.ok_or_else(|| status::not_found("list"))? {
        return Err(status::precondition("LIST_ARCHIVED", "the list is archived: bring it back first"));
    }
    let strangers: HashSet<_> = list::strangers(&mut tx, caller.workspace, &contacts).await.map_err(status::store)?.into_iter().collect();
    let mut violations = Violations::new();
    for (index, _) in contacts.iter().enumerate().filter(|(_, id)| strangers.contains(&(**id).into())).take(MAX_NAMED) {
        violations.add(format!("contact_ids[{index}]"), "is no contact of this workspace");
    }
    violations.check()?;
    let written = list::add_members(&mut tx, caller.workspace, id, &contacts, now).await.map_err(status::store)?;
    // Those who have yet to confirm were written too, and held back by the database.
    let pending = consent::list::count_pending(&mut tx, caller.workspace, id, &contacts).await.map_err(status::store)?;
    let added = written.saturating_sub(pending);
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "list.add_members",
        id: id.0,
        before: None,
        after: Some(&Members { contact_ids: contacts, changed: added }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(AddListMembersResponse { added, pending })
}
