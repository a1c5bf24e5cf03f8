//! `fanfare workspace`: the settings of the caller's own workspace.

use crate::{output::number, session::Session};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use proto::workspace::{GetWorkspaceRequest, UpdateWorkspaceRequest, Workspace};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show its settings
    Show,
    /// Change settings; those left out stay
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct UpdateArgs {
    #[arg(long)]
    name: Option<String>,
    /// The most contacts that one run may have
    #[arg(long)]
    max_recipients: Option<u32>,
    /// Whether a campaign needs an admin's approval
    #[arg(long, value_name = "BOOL")]
    approval_required: Option<bool>,
    /// A word that opts out, beside STOP and its like; repeat for more. Replaces the list
    #[arg(long = "opt-out-keyword", value_name = "WORD")]
    opt_out_keywords: Option<Vec<String>>,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    let workspace = match verb {
        Verb::Show => session.workspaces().get_workspace(GetWorkspaceRequest {}).await?.into_inner().workspace,
        Verb::Update(args) => session.workspaces().update_workspace(request(args)).await?.into_inner().workspace,
    };
    session.output.message(&workspace.context("the hub's answer has no workspace")?, describe)
}

fn request(args: UpdateArgs) -> UpdateWorkspaceRequest {
    UpdateWorkspaceRequest {
        name: args.name,
        max_recipients: args.max_recipients,
        approval_required: args.approval_required,
        replace_opt_out_keywords: args.opt_out_keywords.is_some(),
        opt_out_keywords: args.opt_out_keywords.unwrap_or_default(),
    }
}

fn describe(workspace: &Workspace) -> String {
    format!(
        "{}  {}\n  phones without a country code  +{} (stripped: {})\n  most recipients of a run       {}\n  \
         approval by an admin           {}\n  own opt-out words              {}",
        workspace.id,
        workspace.name,
        workspace.default_country_code,
        workspace.phone_strip_prefixes.join(", "),
        number::count(workspace.max_recipients.into()),
        if workspace.approval_required { "required" } else { "not required" },
        if workspace.opt_out_keywords.is_empty() { "none".to_owned() } else { workspace.opt_out_keywords.join(", ") },
    )
}
