//! `fanfare stats`: whether figures are what the log of events says.

mod rebuild;

use crate::session::Session;
use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Fold the log of events anew and compare; fails when something differs (admin)
    Rebuild(rebuild::RebuildArgs),
}

/// # Errors
/// When the hub refuses, or figures differ.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Rebuild(args) => rebuild::run(args, session).await,
    }
}
