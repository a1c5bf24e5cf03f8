//! `fanfare whatsapp-template`: the templates that WhatsApp's providers keep.

use crate::{paging, resolve, session::Session};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::template::{GetProviderTemplateRequest, ListProviderTemplatesRequest, ProviderTemplate, SyncProviderTemplatesRequest};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what the providers have, as it was last read or heard of
    List {
        /// Name or id of a sender; all of them otherwise
        #[arg(long)]
        sender: Option<String>,
        /// Only those with this status, such as APPROVED or PAUSED
        #[arg(long, default_value = "")]
        status: String,
        /// Only those of this name
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Show one with its parts
    Show { id: String },
    /// Read a sender's templates from its provider now
    Sync {
        /// Name or id
        sender: String,
    },
}

/// # Errors
/// When the hub refuses, or the provider doesn't give its templates.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::List { sender, status, name } => list(session, sender, status, name).await,
        Verb::Show { id } => {
            let answer = session.provider_templates().get_provider_template(GetProviderTemplateRequest { id }).await?.into_inner();
            let template = answer.template.context("the hub's answer has no template")?;
            session.output.message(&template, |template| {
                let reason = if template.reason.is_empty() { String::new() } else { format!("  {}", template.reason) };
                format!(
                    "{}  {} {}  {}  {}{reason}\n{}",
                    template.id, template.name, template.language, template.category, template.status, template.components_json
                )
            })
        }
        Verb::Sync { sender } => {
            let sender_id = resolve::sender(session, &sender).await?;
            let answer =
                session.provider_templates().sync_provider_templates(SyncProviderTemplatesRequest { sender_id }).await?.into_inner();
            session.output.message(&answer, |answer| format!("{} templates, {} of them not as they were", answer.templates, answer.changed))
        }
    }
}

async fn list(session: &Session, sender: Option<String>, status: String, name: String) -> Result<()> {
    let sender_id = match sender {
        Some(sender) => resolve::sender(session, &sender).await?,
        None => String::new(),
    };
    let asked = ListProviderTemplatesRequest { sender_id, status, name, ..ListProviderTemplatesRequest::default() };
    let templates: Vec<ProviderTemplate> = paging::collect(0, |page_size, page_token| {
        let request = ListProviderTemplatesRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = session.provider_templates().list_provider_templates(request).await?.into_inner();
            Ok((page.templates, page.next_page_token))
        }
    })
    .await?;
    session.output.rows(["id", "name", "language", "category", "status", "quality"], &templates, |template| {
        let text = |text: &String| text.clone();
        [
            text(&template.id),
            text(&template.name),
            text(&template.language),
            text(&template.category),
            text(&template.status),
            text(&template.quality),
        ]
    })
}
