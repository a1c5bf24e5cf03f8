//! CloneTemplate: a new template of one version of another, with that version's copies of layouts.

use super::{create, get::find, read, view::present};
use crate::{convert::commit, state::State};
use domain::{TemplateId, role::Role};
use proto::template::{CloneTemplateRequest, CloneTemplateResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::template::Template;
use tonic::{Request, Status};

/// Of the old name, in "Copy of …".
const MAX_OLD_NAME: usize = 180;

pub async fn run(state: &State, request: Request<CloneTemplateRequest>) -> Result<CloneTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let (id, now) = (TemplateId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = create::repeated(&mut tx, &caller, "CloneTemplate", &request.request_id, id, now).await? {
        return Ok(CloneTemplateResponse { template: Some(present(first)) });
    }
    let original = find(&mut tx, caller.workspace, &request.id, request.version).await?;
    let mut violations = Violations::new();
    let name = match request.name.trim() {
        "" => format!("Copy of {}", original.name.chars().take(MAX_OLD_NAME).collect::<String>()),
        name => read::name(name, &mut violations),
    };
    violations.check()?;
    let template = Template { template_id: id, name, version: 1, created_at: now, updated_at: now, archived_at: None, ..original };
    create::insert(&mut tx, &caller, &template, "template.clone").await?;
    commit(tx).await?;
    Ok(CloneTemplateResponse { template: Some(present(template)) })
}
