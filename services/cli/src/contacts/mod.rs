//! `fanfare contacts`: import and export files, look, delete.

mod export;
pub mod import;
mod imports;
mod person;
pub mod show;

use crate::session::Session;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Import a CSV or NDJSON file; a bad row is reported and never loses the others
    Import(Box<import::ImportArgs>),
    /// What became of imports
    Imports {
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// All rows of an import that had problems, as CSV
    Problems {
        /// The import's id
        import: String,
        /// Where to; to the standard output when left out
        file: Option<PathBuf>,
    },
    /// Export contacts to a CSV or NDJSON file that can be imported again
    Export(export::ExportArgs),
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
    /// Erase a person: nothing that names them is left, counts stay. Can't be undone (admin)
    Erase {
        /// The contact's id
        id: String,
        /// On whose request, and where it is filed
        #[arg(long)]
        reason: String,
    },
    /// Everything that is kept about a person, as JSON, to be handed to them (admin)
    ExportPerson {
        /// The contact's id
        id: String,
        /// Where to; to the standard output when left out
        file: Option<PathBuf>,
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
        Verb::Import(args) => import::run(*args, session).await,
        Verb::Imports { limit } => imports::list(limit, session).await,
        Verb::Problems { import, file } => imports::problems(import, file.as_deref(), session).await,
        Verb::Export(args) => export::run(args, session).await,
        Verb::List(args) => show::list(args, session).await,
        Verb::Show { id } => show::one(id, session).await,
        Verb::Delete { id } => show::delete(id, session).await,
        Verb::Erase { id, reason } => person::erase(id, reason, session).await,
        Verb::ExportPerson { id, file } => person::export(id, file.as_deref(), session).await,
    }
}
