//! `fanfare template`: content, written once with a variant for each channel.

pub mod file;
mod preview;

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
    List,
    /// Show a template's content
    Show {
        /// Name or id
        template: String,
        /// 0: the newest
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Render one variant for a contact
    Preview(preview::PreviewArgs),
}

/// # Errors
/// When the hub refuses, or a file can't be used.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { file } => {
            let mut request = file::read(&file)?;
            request.request_id = request_id();
            show(session, session.templates().create_template(request).await?.into_inner().template)
        }
        Verb::Update { template, file } => update(session, &template, &file).await,
        Verb::List => list(session).await,
        Verb::Show { template, version } => {
            let id = resolve::template(session, &template).await?;
            let template = session.templates().get_template(GetTemplateRequest { id, version }).await?.into_inner().template;
            session.output.message(&template.context("the hub's answer has no template")?, preview::describe)
        }
        Verb::Preview(args) => preview::run(args, session).await,
    }
}

async fn update(session: &Session, template: &str, path: &std::path::Path) -> Result<()> {
    let file = file::read(path)?;
    let id = resolve::template(session, template).await?;
    let request = UpdateTemplateRequest { id, name: Some(file.name), content: file.content, base_version: 0 };
    show(session, session.templates().update_template(request).await?.into_inner().template)
}

async fn list(session: &Session) -> Result<()> {
    let templates = paging::collect(0, |page_size, page_token| async move {
        let page = session.templates().list_templates(ListTemplatesRequest { page_size, page_token }).await?.into_inner();
        Ok((page.templates, page.next_page_token))
    });
    session.output.rows(["id", "name", "version"], &templates.await?, |template| {
        [template.id.clone(), template.name.clone(), template.version.to_string()]
    })
}

fn show(session: &Session, template: Option<Template>) -> Result<()> {
    let template = template.context("the hub's answer has no template")?;
    session.output.message(&template, |template| format!("{}  {} (version {})", template.id, template.name, template.version))
}
