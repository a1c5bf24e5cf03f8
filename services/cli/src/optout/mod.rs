//! `fanfare optout`: the register of addresses that must not be messaged.

mod import;

use crate::{output::number, paging, session::Session};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::Channel;
use proto::{
    convert::{channel, channel_number},
    optout::{AddOptOutsRequest, AddOptOutsResponse, ListOptOutsRequest, OptOut, RemoveOptOutRequest},
};
use serde_json::json;
use std::path::PathBuf;

/// What one call may carry.
const BATCH: usize = 10_000;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Add addresses; those in it already stay as they are
    Add(AddArgs),
    /// Show the register
    List {
        /// Only this address
        #[arg(long)]
        address: Option<String>,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Take over a suppression list of another system; a bad row is reported and never loses the others
    Import(import::ImportArgs),
    /// Take one address out again, with a reason that is kept (admin)
    Remove {
        address: String,
        /// Left out: the entry for all channels
        #[arg(long)]
        channel: Option<Channel>,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// E-mail addresses or phones
    addresses: Vec<String>,
    /// A file with one address a line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Left out: all channels
    #[arg(long)]
    channel: Option<Channel>,
    #[arg(long, default_value = "")]
    reason: String,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Add(args) => add_all(args, session).await,
        Verb::List { address, limit } => list(session, address.unwrap_or_default(), limit).await,
        Verb::Import(args) => import::run(args, session).await,
        Verb::Remove { address, channel, reason } => {
            let request = RemoveOptOutRequest { channel: number_of(channel), address: address.clone(), reason };
            session.opt_outs().remove_opt_out(request).await?;
            session.output.value(&json!({"removed": address}), &format!("{address} may be messaged again"))
        }
    }
}

fn number_of(channel: Option<Channel>) -> i32 {
    channel.map_or(0, channel_number)
}

async fn add_all(args: AddArgs, session: &Session) -> Result<()> {
    let mut addresses = args.addresses;
    if let Some(path) = &args.file {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
        addresses.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if addresses.is_empty() {
        bail!("no address given: write one, or name a file with --file");
    }
    let entry = |address| OptOut { channel: number_of(args.channel), address, reason: args.reason.clone(), ..OptOut::default() };
    let added = add(session, addresses.into_iter().map(entry).collect()).await?;
    session.output.message(&AddOptOutsResponse { added }, |answer| format!("added {}", number::of(answer.added, "address", "addresses")))
}

/// Adds any number of addresses; answers how many were new.
///
/// # Errors
/// When the hub refuses a batch; those before it stay.
pub async fn add(session: &Session, opt_outs: Vec<OptOut>) -> Result<u64> {
    let mut added = 0;
    for batch in opt_outs.chunks(BATCH) {
        added += session.opt_outs().add_opt_outs(AddOptOutsRequest { opt_outs: batch.to_vec() }).await?.into_inner().added;
    }
    Ok(added)
}

async fn list(session: &Session, address: String, limit: usize) -> Result<()> {
    let opt_outs = paging::collect(limit, |page_size, page_token| {
        let request = ListOptOutsRequest { page_size, page_token, address: address.clone() };
        async move {
            let page = session.opt_outs().list_opt_outs(request).await?.into_inner();
            Ok((page.opt_outs, page.next_page_token))
        }
    });
    session.output.rows(["address", "channel", "source", "reason"], &opt_outs.await?, |entry| {
        let channel = channel(entry.channel).map_or("all", Channel::as_str);
        [entry.address.clone(), channel.to_owned(), entry.source.clone(), entry.reason.clone()]
    })
}
