//! `fanfare template`: content, written once with a variant for each channel.

mod check;
mod edit;
pub mod file;
mod history;
mod preview;
mod test_send;

use crate::{
    paging, resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::template::{GetTemplateRequest, ListTemplatesRequest, Template, UpdateTemplateRequest};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a template from a JSON file; texts may lie in files beside it
    Create { file: PathBuf },
    /// Make a new version of a template from a file
    Update {
        /// Name or id
        template: String,
        file: PathBuf,
    },
    /// Show all templates
    List {
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Show a template's content
    Show(Version),
    /// Say what is wrong with a template or a file, and what should be looked at, without saving anything
    Check(check::CheckArgs),
    /// Render one variant for a contact
    Preview(preview::PreviewArgs),
    /// Send one variant to a few addresses, to look at it where it arrives; counted nowhere
    Test(test_send::TestArgs),
    /// Show who wrote which version when
    Versions {
        /// Name or id
        template: String,
    },
    /// Show what changed between two versions
    Diff(history::DiffArgs),
    /// Show the campaigns that use a template, and which version of it
    Uses(Version),
    /// Make an old version the newest again
    Restore {
        /// Name or id
        template: String,
        version: u32,
    },
    /// Make a new template of a version of another
    Clone {
        #[command(flatten)]
        of: Version,
        /// [default: Copy of …]
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
    },
    /// Give a template another name
    Rename {
        /// Name or id
        template: String,
        name: String,
    },
    /// Put a template away: no campaign can be submitted with it
    Archive {
        /// Name or id
        template: String,
        /// Take it out again
        #[arg(long)]
        undo: bool,
    },
}

/// A template in one version.
#[derive(Debug, clap::Args)]
pub struct Version {
    /// Name or id
    template: String,
    /// 0: the newest, or any
    #[arg(long, default_value_t = 0)]
    version: u32,
}

/// # Errors
/// When the hub refuses, or a file can't be used.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { file } => create(session, &file).await,
        Verb::Update { template, file } => update(session, &template, &file).await,
        Verb::List { archived } => list(session, archived).await,
        Verb::Show(Version { template, version }) => {
            let template = get(session, &template, version).await?;
            session.output.message(&template, preview::describe)
        }
        Verb::Check(args) => check::run(args, session).await,
        Verb::Preview(args) => preview::run(args, session).await,
        Verb::Test(args) => test_send::run(args, session).await,
        Verb::Versions { template } => history::versions(session, &template).await,
        Verb::Diff(args) => history::diff(args, session).await,
        Verb::Uses(Version { template, version }) => history::uses(session, &template, version).await,
        Verb::Restore { template, version } => edit::restore(session, &template, version).await,
        Verb::Clone { of, name } => edit::clone(session, of, name).await,
        Verb::Rename { template, name } => edit::rename(session, &template, name).await,
        Verb::Archive { template, undo } => edit::archive(session, &template, !undo).await,
    }
}

async fn create(session: &Session, file: &std::path::Path) -> Result<()> {
    let mut request = file::read(file)?;
    request.request_id = request_id();
    let answer = session.templates().create_template(request).await?.into_inner();
    show(session, answer.template)?;
    check::say(session, &answer.warnings)
}

async fn update(session: &Session, template: &str, path: &std::path::Path) -> Result<()> {
    let file = file::read(path)?;
    let id = resolve::template(session, template).await?;
    let request = UpdateTemplateRequest { id, name: Some(file.name), content: file.content, ..UpdateTemplateRequest::default() };
    let answer = session.templates().update_template(request).await?.into_inner();
    show(session, answer.template)?;
    check::say(session, &answer.warnings)
}

async fn get(session: &Session, template: &str, version: u32) -> Result<Template> {
    let id = resolve::template(session, template).await?;
    let answer = session.templates().get_template(GetTemplateRequest { id, version }).await?.into_inner();
    answer.template.context("the hub's answer has no template")
}

async fn list(session: &Session, include_archived: bool) -> Result<()> {
    let templates = paging::collect(0, |page_size, page_token| async move {
        let request = ListTemplatesRequest { page_size, page_token, include_archived };
        let page = session.templates().list_templates(request).await?.into_inner();
        Ok((page.templates, page.next_page_token))
    });
    session.output.rows(["id", "name", "version", ""], &templates.await?, |template| {
        let archived = if template.archived { "archived" } else { "" };
        [template.id.clone(), template.name.clone(), template.version.to_string(), archived.to_owned()]
    })
}

fn show(session: &Session, template: Option<Template>) -> Result<()> {
    let template = template.context("the hub's answer has no template")?;
    session.output.message(&template, preview::head)
}
