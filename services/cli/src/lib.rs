//! The command line: runs the whole hub on one machine, plays the demo, and does over gRPC what a frontend would do.
//!
//! It knows the hub only by its gRPC services ([`session`]); no database, no broker. Starting processes is `devstack`'s work.
//! Nouns are folders, verbs are files: `fanfare campaign watch` is `campaign/watch.rs`. Start reading at [`args`], then
//! [`demo`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod alerts;
pub mod args;
mod attachment;
pub mod campaign;
mod consent;
pub mod contacts;
pub mod demo;
mod device;
pub mod dlq;
mod explain;
pub mod failure;
pub mod hub;
mod inbox;
mod layout;
mod list;
mod optout;
pub mod output;
mod paging;
mod progress;
mod resolve;
mod segment;
mod sender;
pub mod session;
mod stats;
mod template;
mod topic;
mod whatsapp_template;
mod workspace;

use args::{Cli, Command};
use session::Session;

/// Runs one command.
///
/// # Errors
/// Whatever made the command fail, for [`failure::report`] to show.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Up(args) => hub::up::run(args, global).await,
        Command::Demo(args) => demo::run(args, global).await,
        Command::Workspace { verb } => workspace::run(verb, &Session::open(global)?).await,
        Command::Contacts { verb } => contacts::run(verb, &Session::open(global)?).await,
        Command::List { verb } => list::run(verb, &Session::open(global)?).await,
        Command::Segment { verb } => segment::run(verb, &Session::open(global)?).await,
        Command::WhatsappTemplate { verb } => whatsapp_template::run(verb, &Session::open(global)?).await,
        Command::Template { verb } => template::run(verb, &Session::open(global)?).await,
        Command::Attachment { verb } => attachment::run(verb, &Session::open(global)?).await,
        Command::Layout { verb } => layout::run(verb, &Session::open(global)?).await,
        Command::Sender { verb } => sender::run(verb, &Session::open(global)?).await,
        Command::Campaign { verb } => campaign::run(verb, &Session::open(global)?).await,
        Command::Stats { verb } => stats::run(verb, &Session::open(global)?).await,
        Command::Explain(args) => explain::run(args, &Session::open(global)?).await,
        Command::Alerts { verb } => alerts::run(verb, &Session::open(global)?).await,
        Command::Consent { verb } => consent::run(verb, &Session::open(global)?).await,
        Command::Topic { verb } => topic::run(verb, &Session::open(global)?).await,
        Command::Device { verb } => device::run(verb, &Session::open(global)?).await,
        Command::Inbox { verb } => inbox::run(verb, &Session::open(global)?).await,
        Command::Optout { verb } => optout::run(verb, &Session::open(global)?).await,
        Command::Access { verb } => access::run(verb, &Session::open(global)?).await,
        Command::Dlq { verb } => dlq::run(verb, dlq::Operator::open(global)?).await,
    }
}
