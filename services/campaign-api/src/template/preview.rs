//! PreviewTemplate: one variant as a contact would get it, without tracking.

use super::{get::find, view::present_rendered};
use crate::state::State;
use domain::{
    ContactId, WorkspaceId,
    render::{Occasion, Person, RenderError, Renderer},
    role::Role,
};
use proto::template::{PreviewTemplateRequest, PreviewTemplateResponse};
use runtime::{auth, status};
use store::{PgConnection, contact};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<PreviewTemplateRequest>) -> Result<PreviewTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let channel =
        proto::convert::channel(request.channel).ok_or_else(|| status::invalid("channel", "must be given: email, sms or whatsapp"))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let template = find(&mut tx, caller.workspace, &request.id, request.version).await?;
    let person = person(&mut tx, caller.workspace, &request.contact_id).await?;
    drop(tx);
    let renderer = Renderer::new(&template.content).map_err(|problems| {
        // Rules get stricter; this version was written before.
        let problem = problems.into_iter().next().map(|problem| format!("{}: {}", problem.field, problem.message)).unwrap_or_default();
        status::precondition("TEMPLATE_INVALID", problem)
    })?;
    let occasion = Occasion { campaign_name: template.name, unsubscribe_url: format!("{}/u/preview", state.public_url) };
    let rendered = match person {
        Some(person) => renderer.render(channel, &person, &occasion),
        None => renderer.render_made_up(channel, &occasion),
    };
    let rendered = rendered.map_err(|error| refused(&error))?;
    Ok(PreviewTemplateResponse { content: Some(present_rendered(rendered)) })
}

/// The contact to render for; None for a made-up one.
async fn person(connection: &mut PgConnection, workspace: WorkspaceId, id: &str) -> Result<Option<Person>, Status> {
    if id.is_empty() {
        return Ok(None);
    }
    let id: ContactId = status::id("contact_id", id)?;
    let contact = contact::get(connection, workspace, id).await.map_err(status::store)?;
    let draft = contact.ok_or_else(|| status::not_found("contact"))?.draft;
    Ok(Some(Person {
        name: draft.name,
        email: draft.email.shown,
        phone: draft.phone.shown,
        locale: draft.locale,
        city: draft.city,
        postal_code: draft.postal_code,
        role: draft.role,
        attributes: draft.attributes,
    }))
}

fn refused(error: &RenderError) -> Status {
    status::precondition(&error.code().to_uppercase(), error.to_string())
}
