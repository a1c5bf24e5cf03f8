//! UpdateLayout: its HTML, and if it is asked for, a new version of each template that uses it.

use super::{
    read,
    view::{present, present_use},
};
use crate::{audit::Change, convert::commit, state::State, template};
use domain::role::Role;
use proto::template::{UpdateLayoutRequest, UpdateLayoutResponse};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use std::collections::BTreeSet;
use store::{
    PgConnection,
    layout::{self, Layout},
    template::Template,
};
use time::OffsetDateTime;
use tonic::{Request, Status};

/// Templates that one edit may write anew.
const MAX_TEMPLATES: usize = 100;

pub async fn run(state: &State, request: Request<UpdateLayoutRequest>) -> Result<UpdateLayoutResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = read::key(&request.id)?;
    let mut violations = Violations::new();
    read::html(&request.html, &mut violations).await?;
    violations.check()?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = layout::lock(&mut tx, caller.workspace, key).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("layout"))?;
    if request.base_revision != 0 && request.base_revision != before.revision.unsigned_abs() {
        let message = format!("somebody has written revision {} in the meantime: read it, then edit again", before.revision);
        return Err(status::conflict("LAYOUT_CHANGED", message));
    }
    let after = Layout { html: request.html, revision: before.revision.saturating_add(1), updated_at: now, ..before.clone() };
    layout::update(&mut tx, caller.workspace, &after).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "layout.update",
        id: after.layout_id.0,
        before: Some(&before),
        after: Some(&after),
        at: now,
    };
    change.record(&mut tx).await?;
    let users = users(&mut tx, &caller, &after).await?;
    let (updated, outdated) =
        if request.apply_to_templates { write_anew(&mut tx, &caller, users, now).await? } else { (Vec::new(), users) };
    commit(tx).await?;
    Ok(UpdateLayoutResponse {
        layout: Some(present(after)),
        outdated: outdated.iter().map(present_use).collect(),
        updated: updated.iter().map(present_use).collect(),
    })
}

async fn users(connection: &mut PgConnection, caller: &Caller, layout: &Layout) -> Result<Vec<Template>, Status> {
    let limit = i64::try_from(MAX_TEMPLATES).unwrap_or(i64::MAX).saturating_add(1);
    layout::users(connection, caller.workspace, &layout.name, limit).await.map_err(status::store)
}

/// Writes a version of each with copies of its layouts as they are now. Answers with those, and with those that would be wrong like that
/// and so stay as they are.
async fn write_anew(
    connection: &mut PgConnection,
    caller: &Caller,
    users: Vec<Template>,
    now: OffsetDateTime,
) -> Result<(Vec<Template>, Vec<Template>), Status> {
    if users.len() > MAX_TEMPLATES {
        let message = format!("more than {MAX_TEMPLATES} templates use this layout: make a new one, and let some of them use that");
        return Err(status::exhausted("TOO_MANY_TEMPLATES", message));
    }
    let names: BTreeSet<_> = users.iter().flat_map(|template| template.content.layouts()).collect();
    let layouts = layout::html_of(connection, caller.workspace, &names).await.map_err(status::store)?;
    let (mut updated, mut outdated) = (Vec::new(), Vec::new());
    for old in users {
        let mut new = Template { version: old.version.saturating_add(1), updated_at: now, ..old.clone() };
        new.content.set_layouts(&layouts);
        if !template::is_usable(&new.content).await? {
            outdated.push(old);
            continue;
        }
        template::record_update(connection, caller, &old, &new, now).await?;
        updated.push(new);
    }
    store::template::update_all(connection, caller.workspace, &updated, &caller.subject).await.map_err(status::store)?;
    Ok((updated, outdated))
}
