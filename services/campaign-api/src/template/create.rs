//! CreateTemplate.

use super::{Record, read, refused, view::present};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{TemplateId, role::Role};
use proto::template::{CreateTemplateRequest, CreateTemplateResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    request,
    template::{self, Template},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateTemplateRequest>) -> Result<CreateTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?.to_owned();
    let (id, now) = (TemplateId::new(), state.clock.now());
    let template = read_template(request, id, now)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateTemplate", &key, id.0, now).await.map_err(status::store)? {
        let template = template::get(&mut tx, caller.workspace, first.into(), None).await.map_err(status::store)?;
        let template = template.ok_or_else(|| status::not_found("template"))?;
        return Ok(CreateTemplateResponse { template: Some(present(template)) });
    }
    template::insert(&mut tx, caller.workspace, &template, &caller.subject).await.map_err(refused)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "template.create",
        id: id.0,
        before: None,
        after: Some(&Record { name: &template.name, version: template.version }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateTemplateResponse { template: Some(present(template)) })
}

fn read_template(request: CreateTemplateRequest, id: TemplateId, now: time::OffsetDateTime) -> Result<Template, Status> {
    let mut violations = Violations::new();
    let name = read::name(&request.name, &mut violations);
    let content = read::content(request.content.unwrap_or_default(), &mut violations);
    violations.check()?;
    Ok(Template { template_id: id, name, version: 1, content, created_at: now, updated_at: now })
}
