//! UpdateTemplate: a content makes a new version, a name renames all of them.

use super::{Record, read, refused, view::present};
use crate::{audit::Change, convert::commit, state::State};
use domain::{TemplateId, role::Role};
use proto::template::{UpdateTemplateRequest, UpdateTemplateResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::template;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateTemplateRequest>) -> Result<UpdateTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: TemplateId = status::id("id", &request.id)?;
    let mut violations = Violations::new();
    let name = request.name.as_deref().map(|name| read::name(name, &mut violations));
    let content = request.content.map(|content| read::content(content, &mut violations));
    violations.check()?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    template::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = template::get(&mut tx, caller.workspace, id, None).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("template"))?;
    if request.base_version != 0 && request.base_version != before.version.unsigned_abs() {
        let message = format!("somebody has written version {} in the meantime: read it, then edit again", before.version);
        return Err(status::conflict("TEMPLATE_CHANGED", message));
    }
    let mut after = before.clone();
    after.name = name.unwrap_or(after.name);
    match content {
        Some(content) => {
            after.version += 1;
            after.content = content;
            after.updated_at = now;
            template::update(&mut tx, caller.workspace, &after, &caller.subject).await.map_err(refused)?;
        }
        None => template::rename(&mut tx, caller.workspace, id, &after.name, now).await.map_err(refused)?,
    }
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "template.update",
        id: id.0,
        before: Some(&Record { name: &before.name, version: before.version }),
        after: Some(&Record { name: &after.name, version: after.version }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(UpdateTemplateResponse { template: Some(present(after)) })
}
