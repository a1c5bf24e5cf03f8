//! ValidateTemplate: all that is wrong with a content, or should be looked at, before anybody is sent it.

use super::{
    get::find,
    read::{self, MAX_PROBLEMS},
    view,
};
use crate::state::State;
use domain::{render::ContentProblem, role::Role};
use proto::template::{ValidateTemplateRequest, ValidateTemplateResponse};
use runtime::{auth, status};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ValidateTemplateRequest>) -> Result<ValidateTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let content = match (request.content, request.id.as_str()) {
        (Some(content), "") => read::content(&mut tx, caller.workspace, content).await?,
        (None, id) => find(&mut tx, caller.workspace, id, request.version).await?.content,
        (Some(_), _) => return Err(status::invalid("content", "give either a content or the id of a template")),
    };
    drop(tx);
    let mut problems = read::validate(&content).await?;
    let valid = !problems.first().is_some_and(ContentProblem::is_error);
    problems.truncate(MAX_PROBLEMS);
    Ok(ValidateTemplateResponse { problems: view::problems(problems), valid })
}
