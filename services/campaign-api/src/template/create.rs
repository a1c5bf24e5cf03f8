//! CreateTemplate.

use super::{
    Record, read, refused,
    view::{present, problems},
};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{TemplateId, role::Role};
use proto::template::{CreateTemplateRequest, CreateTemplateResponse};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use store::{
    PgConnection, request,
    template::{self, Template},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateTemplateRequest>) -> Result<CreateTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let (id, now) = (TemplateId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = repeated(&mut tx, &caller, "CreateTemplate", &request.request_id, id, now).await? {
        return Ok(CreateTemplateResponse { template: Some(present(first)), warnings: Vec::new() });
    }
    let content = read::content(&mut tx, caller.workspace, request.content.unwrap_or_default()).await?;
    let mut violations = Violations::new();
    let name = read::name(&request.name, &mut violations);
    let warnings = read::check(&content, &mut violations).await?;
    violations.check()?;
    let template = Template { template_id: id, name, version: 1, content, created_at: now, updated_at: now, archived_at: None };
    insert(&mut tx, &caller, &template, "template.create").await?;
    commit(tx).await?;
    Ok(CreateTemplateResponse { template: Some(present(template)), warnings: problems(warnings) })
}

/// Claims a request id for a new template. Some: the template that an earlier call made.
pub async fn repeated(
    connection: &mut PgConnection,
    caller: &Caller,
    method: &str,
    key: &str,
    id: TemplateId,
    now: time::OffsetDateTime,
) -> Result<Option<Template>, Status> {
    let first = request::claim(connection, caller.workspace, method, request_id(key)?, id.0, now).await.map_err(status::store)?;
    let Some(first) = first else { return Ok(None) };
    let template = template::get(connection, caller.workspace, first.into(), None).await.map_err(status::store)?;
    template.map(Some).ok_or_else(|| status::not_found("template"))
}

/// Adds a template, and the audit log's entry.
pub async fn insert(connection: &mut PgConnection, caller: &Caller, template: &Template, action: &str) -> Result<(), Status> {
    template::insert(connection, caller.workspace, template, &caller.subject).await.map_err(refused)?;
    let change = Change {
        workspace: caller.workspace,
        caller,
        action,
        id: template.template_id.0,
        before: None,
        after: Some(&Record::from(template)),
        at: template.created_at,
    };
    change.record(connection).await
}
