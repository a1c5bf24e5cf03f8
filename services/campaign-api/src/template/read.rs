//! What a caller may write into a template.

use crate::attachment;
use domain::{
    Channel, TemplateId, WorkspaceId,
    content::{TemplateContent, Variant},
    render::{self, ContentProblem},
};
use proto::template::Content;
use runtime::status::{self, Violations};
use store::{PgConnection, layout, template};
use tonic::Status;

const MAX_NAME: usize = 200;
/// Problems that are told at once at most.
pub const MAX_PROBLEMS: usize = 200;

pub fn name(name: &str, violations: &mut Violations) -> String {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    violations.expect(fits, "name", "must have 1 to 200 characters, without line breaks");
    name.to_owned()
}

/// A content as it would be stored: with copies of the layouts that it names.
///
/// # Errors
/// INVALID_ARGUMENT when it holds what can't be stored, or names files that there aren't.
pub async fn content(connection: &mut PgConnection, workspace: WorkspaceId, content: Content) -> Result<TemplateContent, Status> {
    let mut content = TemplateContent::from(content);
    storable(&content)?;
    attachment::must_be_there(connection, workspace, &content).await?;
    let layouts = layout::html_of(connection, workspace, &content.layouts()).await.map_err(status::store)?;
    content.set_layouts(&layouts);
    Ok(content)
}

/// The database takes no NUL, in a text or in a name.
fn storable(content: &TemplateContent) -> Result<(), Status> {
    let mut violations = Violations::new();
    for (path, text) in content.texts() {
        if path.contains('\0') || text.contains('\0') {
            violations.add(format!("content.{}", path.replace('\0', "?")), "has a NUL character in it: take it out");
        }
    }
    violations.check()
}

/// All that is wrong with a content or should be looked at, errors first. A big one takes a while, and has a thread for it.
///
/// # Errors
/// When there is no thread to be had.
pub async fn validate(content: &TemplateContent) -> Result<Vec<ContentProblem>, Status> {
    let content = content.clone();
    tokio::task::spawn_blocking(move || render::validate(&content)).await.map_err(|error| status::internal(&error))
}

/// Notes all that makes a content unusable. Answers with what should only be looked at.
///
/// # Errors
/// As [`validate`].
pub async fn check(content: &TemplateContent, violations: &mut Violations) -> Result<Vec<ContentProblem>, Status> {
    let (errors, mut warnings): (Vec<_>, Vec<_>) = validate(content).await?.into_iter().partition(ContentProblem::is_error);
    for problem in errors.into_iter().take(MAX_PROBLEMS) {
        violations.add(field(&problem), problem.to_string());
    }
    warnings.truncate(MAX_PROBLEMS);
    Ok(warnings)
}

/// Where in the request a problem is.
fn field(problem: &ContentProblem) -> String {
    let mut path = "content".to_owned();
    if !problem.locale.is_empty() {
        path.push_str(&format!(".translations.{}", problem.locale));
    }
    if !problem.field.is_empty() {
        path.push_str(&format!(".{}", problem.field));
    }
    path
}

/// Whether a content has no errors.
///
/// # Errors
/// As [`validate`].
pub async fn is_usable(content: &TemplateContent) -> Result<bool, Status> {
    Ok(!validate(content).await?.iter().any(ContentProblem::is_error))
}

/// Checks what a campaign would send on these channels: rules get stricter, and a version may have been written before them.
///
/// # Errors
/// INVALID_ARGUMENT with each error as one of the campaign's template.
pub async fn must_be_usable(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (id, version): (TemplateId, i32),
    channels: impl Iterator<Item = Channel>,
) -> Result<(), Status> {
    let Some(template) = template::get(connection, workspace, id, Some(version)).await.map_err(status::store)? else { return Ok(()) };
    let variants: Vec<Variant> = channels.map(Variant::from).collect();
    // What is about no variant is about a fragment or the whole, and so about all of them.
    let concerns = |problem: &ContentProblem| problem.is_error() && problem.variant.is_none_or(|variant| variants.contains(&variant));
    let mut violations = Violations::new();
    for problem in validate(&template.content).await?.into_iter().filter(concerns).take(MAX_PROBLEMS) {
        violations.add("settings.template_id", format!("{}: {problem}", field(&problem)));
    }
    violations.check()
}
