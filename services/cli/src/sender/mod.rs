//! `fanfare sender`: provider accounts. Credentials go in and never come out.

mod file;

use crate::{
    output::{Table, number},
    resolve,
    session::Session,
};
use anyhow::{Context, Result};
use clap::Subcommand;
use domain::Channel;
use proto::{
    convert::channel,
    sender::{ListProvidersRequest, Provider, Sender},
};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show all senders
    List,
    /// Add a sender from a JSON file: name, channel, provider, settings, secrets, rate_per_second, price_micros, currency
    Create {
        /// "-" reads the standard input, so that no credential need lie in a file
        file: PathBuf,
    },
    /// The providers there are, and the settings and secrets that each takes
    Providers,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::List => {
            let head = ["id", "name", "channel", "provider", "per second", "price"];
            session.output.rows(head, &resolve::senders(session).await?, row)
        }
        Verb::Create { file } => {
            let answer = session.senders().create_sender(file::read(&file)?).await?.into_inner();
            session.output.message(&answer.sender.context("the hub's answer has no sender")?, describe)
        }
        Verb::Providers => {
            let providers = session.senders().list_providers(ListProvidersRequest {}).await?.into_inner().providers;
            session.output.say(&catalogue(&providers))?;
            session.output.json_lines(&providers)
        }
    }
}

fn channel_name(number: i32) -> &'static str {
    channel(number).map_or("?", Channel::as_str)
}

fn row(sender: &Sender) -> [String; 6] {
    [
        sender.id.clone(),
        sender.name.clone(),
        channel_name(sender.channel).to_owned(),
        sender.provider.clone(),
        format!("{}", sender.rate_per_second),
        format!("{} {}", number::amount(sender.price_micros), sender.currency),
    ]
}

fn describe(sender: &Sender) -> String {
    let mut text = format!("{}  {} ({} over {})", sender.id, sender.name, channel_name(sender.channel), sender.provider);
    let mut urls: Vec<_> = sender.webhook_urls.iter().collect();
    urls.sort();
    for (name, url) in urls {
        text.push_str(&format!("\n  enter at the provider, {name}: {url}"));
    }
    text
}

fn catalogue(providers: &[Provider]) -> String {
    let mut table = Table::new(["provider", "channels", "kind", "name", "", "what it is"]);
    for provider in providers {
        let channels: Vec<_> = provider.channels.iter().map(|number| channel_name(*number)).collect();
        for (kind, fields) in [("setting", &provider.settings), ("secret", &provider.secrets)] {
            for field in fields {
                let required = if field.required { "required" } else { "" };
                let cells = [&provider.slug, &channels.join(", "), kind, &field.name, required, &field.help];
                table.row(cells.map(ToString::to_string));
            }
        }
    }
    table.to_string()
}
