//! `fanfare layout`: HTML files that e-mails are set into.

use crate::{
    paging,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::template::{
    CreateLayoutRequest, DeleteLayoutRequest, GetLayoutRequest, Layout, LayoutUse, ListLayoutsRequest, UpdateLayoutRequest,
    UpdateLayoutResponse,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a layout from an HTML file with %BODY% in it
    Create {
        /// What templates call it
        name: String,
        file: PathBuf,
    },
    /// Show all layouts
    List,
    /// Show a layout's HTML
    Show {
        /// Name or id
        layout: String,
    },
    /// Write a layout anew from a file; templates keep their copies until their next version
    Update {
        /// Name or id
        layout: String,
        file: PathBuf,
        /// Write a new version of each template that uses it
        #[arg(long)]
        apply: bool,
    },
    /// Delete a layout that no template uses
    Delete {
        /// Name or id
        layout: String,
    },
}

/// # Errors
/// When the hub refuses, or a file can't be read.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { name, file } => {
            let request = CreateLayoutRequest { name, html: read(&file)?, request_id: request_id() };
            let layout = session.layouts().create_layout(request).await?.into_inner().layout;
            session.output.message(&layout.context("the hub's answer has no layout")?, head)
        }
        Verb::List => list(session).await,
        Verb::Show { layout } => {
            let layout = session.layouts().get_layout(GetLayoutRequest { id: layout }).await?.into_inner().layout;
            session
                .output
                .message(&layout.context("the hub's answer has no layout")?, |layout| format!("{}\n\n{}", head(layout), layout.html))
        }
        Verb::Update { layout, file, apply } => {
            let request =
                UpdateLayoutRequest { id: layout, html: read(&file)?, apply_to_templates: apply, ..UpdateLayoutRequest::default() };
            let answer = session.layouts().update_layout(request).await?.into_inner();
            session.output.message(&answer, updated)
        }
        Verb::Delete { layout } => {
            session.layouts().delete_layout(DeleteLayoutRequest { id: layout }).await?;
            session.output.value(&serde_json::json!({"deleted": true}), "deleted")
        }
    }
}

async fn list(session: &Session) -> Result<()> {
    let layouts = paging::collect(0, |page_size, page_token| async move {
        let page = session.layouts().list_layouts(ListLayoutsRequest { page_size, page_token }).await?.into_inner();
        Ok((page.layouts, page.next_page_token))
    });
    session
        .output
        .rows(["id", "name", "revision"], &layouts.await?, |layout| [layout.id.clone(), layout.name.clone(), layout.revision.to_string()])
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))
}

fn head(layout: &Layout) -> String {
    format!("{}  {} (revision {})", layout.id, layout.name, layout.revision)
}

fn updated(answer: &UpdateLayoutResponse) -> String {
    let mut lines: Vec<_> = answer.layout.iter().map(head).collect();
    lines.extend(answer.updated.iter().map(|of| format!("new: {}", template(of))));
    lines.extend(answer.outdated.iter().map(|of| format!("has an older copy: {}", template(of))));
    lines.join("\n")
}

fn template(of: &LayoutUse) -> String {
    format!("{} (version {})", of.template_name, of.template_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_have_an_older_copy_are_named() {
        let of = |name: &str, template_version| LayoutUse { template_name: name.into(), template_version, ..LayoutUse::default() };
        let layout = Layout { id: "id".into(), name: "brand".into(), revision: 4, ..Layout::default() };
        let answer = UpdateLayoutResponse { layout: Some(layout), outdated: vec![of("Winter", 2)], updated: vec![of("Spring", 7)] };
        assert_eq!(updated(&answer), "id  brand (revision 4)\nnew: Spring (version 7)\nhas an older copy: Winter (version 2)");
    }
}
