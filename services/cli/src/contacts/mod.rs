//! `fanfare contacts`: import a file, look, delete.

pub mod import;
mod show;

use crate::session::Session;
use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Import a CSV file; a bad row is reported and never loses the others
    Import(import::ImportArgs),
    /// Page through contacts
    List(ListArgs),
    /// Show one contact
    Show {
        /// The contact's id
        id: String,
    },
    /// Delete a contact; what was sent to it stays counted
    Delete {
        /// The contact's id
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only members of this list (name or id)
    #[arg(long)]
    list: Option<String>,
    /// Only those whose name, e-mail, phone or external id starts with this
    #[arg(long)]
    search: Option<String>,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Import(args) => import::run(args, session).await,
        Verb::List(args) => show::list(args, session).await,
        Verb::Show { id } => show::one(id, session).await,
        Verb::Delete { id } => show::delete(id, session).await,
    }
}
