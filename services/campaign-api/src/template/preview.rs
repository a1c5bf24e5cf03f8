//! PreviewTemplate: one variant as a contact would get it, without tracking.

use super::{
    get::find,
    read,
    view::{present_rendered, problems},
};
use crate::state::State;
use domain::{
    ContactId, WorkspaceId,
    content::{Locale, Rendered, TemplateContent, Variant},
    render::{ContentProblem, Occasion, Person, RenderError, Renderer},
    role::Role,
};
use proto::template::{PreviewTemplateRequest, PreviewTemplateResponse};
use runtime::{auth, status};
use store::{PgConnection, contact};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<PreviewTemplateRequest>) -> Result<PreviewTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let variant = variant(&request)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let reader = Reader::find(&mut tx, caller.workspace, &request.contact_id, &request.locale).await?;
    let (content, name) = match (request.content, request.id.as_str()) {
        (Some(content), "") => (read::content(&mut tx, caller.workspace, content).await?, "Preview".to_owned()),
        (None, id) => {
            let template = find(&mut tx, caller.workspace, id, request.version).await?;
            (template.content, template.name)
        }
        (Some(_), _) => return Err(status::invalid("content", "give either a content or the id of a template")),
    };
    drop(tx);
    let (rendered, locale) = reader.render(state, &content, variant, name).await?;
    let about_it = |problem: &ContentProblem| problem.variant == Some(variant) && problem.locale == locale;
    let found = read::validate(&content).await?.into_iter().filter(about_it).take(read::MAX_PROBLEMS).collect();
    Ok(PreviewTemplateResponse { content: Some(present_rendered(rendered)), locale, problems: problems(found) })
}

fn variant(request: &PreviewTemplateRequest) -> Result<Variant, Status> {
    let of_channel = proto::convert::channel(request.channel).map(Variant::from);
    match (of_channel, proto::convert::content_variant(request.variant)) {
        (None, None) => Err(status::invalid("channel", "must be given, or a variant: email, sms, whatsapp, push or social")),
        (Some(channel), Some(variant)) if channel != variant => {
            Err(status::invalid("variant", "is another one than channel says: give one"))
        }
        (Some(variant), _) | (None, Some(variant)) => Ok(variant),
    }
}

/// Who a variant is rendered for.
pub struct Reader {
    /// The contact.
    pub contact_id: Option<ContactId>,
    /// None for a made-up one.
    person: Option<Person>,
    /// The language to show; empty: theirs.
    locale: String,
}

impl Reader {
    /// A contact of the workspace, or nobody in particular when `contact` is empty; in a language of their own or in `locale`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what is no id or no language tag; NOT_FOUND when the workspace has no such contact.
    pub async fn find(connection: &mut PgConnection, workspace: WorkspaceId, contact: &str, locale: &str) -> Result<Self, Status> {
        if !locale.is_empty() && Locale::parse(locale).is_none() {
            return Err(status::invalid("locale", "must be a language tag, such as en or ar-AE"));
        }
        let contact_id: Option<ContactId> = if contact.is_empty() { None } else { Some(status::id("contact_id", contact)?) };
        let person = match contact_id {
            Some(id) => Some(person(connection, workspace, id).await?),
            None => None,
        };
        Ok(Self { contact_id, person, locale: locale.to_owned() })
    }

    /// Renders a variant for them; also answers with the tag of the translation that was chosen. A big content takes a while, and has a
    /// thread for it.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when it can't be rendered, with why.
    pub async fn render(
        self,
        state: &State,
        content: &TemplateContent,
        variant: Variant,
        name: String,
    ) -> Result<(Rendered, String), Status> {
        // Links of the recipient's own, that lead to nobody's page.
        let link = |page: &str| format!("{}/{page}/preview", state.public_url);
        let occasion = Occasion {
            campaign_name: name,
            unsubscribe_url: link("u"),
            preferences_url: link("preferences"),
            confirm_link: link("confirm"),
            ..Occasion::default()
        };
        let content = content.clone();
        let rendered = tokio::task::spawn_blocking(move || self.render_now(&content, variant, &occasion)).await;
        rendered.map_err(|error| status::internal(&error))?
    }

    fn render_now(mut self, content: &TemplateContent, variant: Variant, occasion: &Occasion) -> Result<(Rendered, String), Status> {
        let renderer = Renderer::new(content).map_err(invalid)?;
        if let Some(person) = self.person.as_mut().filter(|_| !self.locale.is_empty()) {
            person.locale.clone_from(&self.locale);
        }
        let locale = self.person.as_ref().map_or(self.locale.as_str(), |person| &person.locale);
        let chosen = content.translation_for(locale).unwrap_or_default().to_owned();
        let rendered = match &self.person {
            Some(person) => renderer.render(variant, person, occasion),
            None if self.locale.is_empty() => renderer.render_made_up(variant, occasion),
            None => renderer.render_made_up_in(variant, &self.locale, occasion),
        };
        Ok((rendered.map_err(|error| refused(&error))?, chosen))
    }
}

async fn person(connection: &mut PgConnection, workspace: WorkspaceId, id: ContactId) -> Result<Person, Status> {
    let contact = contact::get(connection, workspace, id).await.map_err(status::store)?;
    let draft = contact.ok_or_else(|| status::not_found("contact"))?.draft;
    Ok(Person {
        name: draft.name,
        email: draft.email.shown,
        phone: draft.phone.shown,
        locale: draft.locale,
        city: draft.city,
        postal_code: draft.postal_code,
        role: draft.role,
        attributes: draft.attributes,
    })
}

/// Rules get stricter: a stored version may have been written before. What isn't stored may be wrong anyway.
fn invalid(problems: Vec<ContentProblem>) -> Status {
    let problem = problems.into_iter().next().map(|problem| format!("{}: {problem}", problem.field)).unwrap_or_default();
    status::precondition("TEMPLATE_INVALID", problem)
}

fn refused(error: &RenderError) -> Status {
    status::precondition(&error.code().to_uppercase(), error.to_string())
}
