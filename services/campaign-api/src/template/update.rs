//! UpdateTemplate: a content makes a new version; a name or a place in the archive is for all of them.

use super::{
    Record, read, refused,
    view::{present, problems},
};
use crate::{audit::Change, convert::commit, state::State};
use domain::{TemplateId, render::ContentProblem, role::Role};
use proto::template::{UpdateTemplateRequest, UpdateTemplateResponse};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use store::{
    PgConnection,
    template::{self, Template},
};
use time::OffsetDateTime;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateTemplateRequest>) -> Result<UpdateTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: TemplateId = status::id("id", &request.id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    template::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = template::get(&mut tx, caller.workspace, id, None).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("template"))?;
    if request.base_version != 0 && request.base_version != before.version.unsigned_abs() {
        let message = format!("somebody has written version {} in the meantime: read it, then edit again", before.version);
        return Err(status::conflict("TEMPLATE_CHANGED", message));
    }
    let (after, warnings) = change(&mut tx, &caller, &before, request, now).await?;
    if after.version == before.version {
        template::set(&mut tx, caller.workspace, &after, now).await.map_err(refused)?;
    } else {
        template::update(&mut tx, caller.workspace, &after, &caller.subject).await.map_err(refused)?;
    }
    record(&mut tx, &caller, &before, &after, now).await?;
    commit(tx).await?;
    Ok(UpdateTemplateResponse { template: Some(present(after)), warnings: problems(warnings) })
}

/// The template as it will be, and what should be looked at in it.
async fn change(
    connection: &mut PgConnection,
    caller: &Caller,
    before: &Template,
    request: UpdateTemplateRequest,
    now: OffsetDateTime,
) -> Result<(Template, Vec<ContentProblem>), Status> {
    let (mut after, mut warnings, mut violations) = (before.clone(), Vec::new(), Violations::new());
    if let Some(name) = &request.name {
        after.name = read::name(name, &mut violations);
    }
    after.archived_at = match request.archived {
        Some(true) => before.archived_at.or(Some(now)),
        Some(false) => None,
        None => before.archived_at,
    };
    if let Some(content) = request.content {
        if after.archived_at.is_some() {
            return Err(status::precondition("TEMPLATE_ARCHIVED", "an archived template gets no new versions: restore it first"));
        }
        after.content = read::content(connection, caller.workspace, content).await?;
        warnings = read::check(&after.content, &mut violations).await?;
        after.version += 1;
        after.updated_at = now;
    }
    violations.check()?;
    Ok((after, warnings))
}

/// Adds the audit log's entry of a change.
///
/// # Errors
/// When the database fails.
pub async fn record(
    connection: &mut PgConnection,
    caller: &Caller,
    before: &Template,
    after: &Template,
    at: OffsetDateTime,
) -> Result<(), Status> {
    let change = Change {
        workspace: caller.workspace,
        caller,
        action: "template.update",
        id: after.template_id.0,
        before: Some(&Record::from(before)),
        after: Some(&Record::from(after)),
        at,
    };
    change.record(connection).await
}
