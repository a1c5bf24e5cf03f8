//! `fanfare sender`: provider accounts. Credentials go in and never come out.

mod connect;
mod file;
mod prices;
mod unread;

use crate::{
    output::{Table, channel_name, number},
    resolve,
    session::Session,
};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::sender::{ConnectionStatus, ListProvidersRequest, PauseSenderRequest, Provider, ResumeSenderRequest, Sender, SenderConnection};
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
    /// Stop one at once, for all campaigns (admin)
    Pause {
        /// Name or id
        sender: String,
        /// Shown with the alert, and kept
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let one send again, when what was wrong has been mended (admin)
    Resume {
        /// Name or id
        sender: String,
    },
    /// Connect its account in the browser: prints where to say yes, and waits for it (admin)
    Connect(connect::ConnectArgs),
    /// Ask its provider whether the account works (admin)
    Test {
        /// Name or id
        sender: String,
    },
    /// Forget its tokens: nothing is sent by it until it is connected again (admin)
    Disconnect {
        /// Name or id
        sender: String,
    },
    /// What texts cost by country and by segment
    Prices(prices::PricesArgs),
    /// What its provider posted and the hub didn't understand: it changes nothing and is kept for 30 days (admin)
    Unread {
        /// Name or id
        sender: String,
        /// How many; 0 is all that are kept
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// The providers there are, and the settings and secrets that each takes
    Providers,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::List => {
            let head = ["id", "name", "channel", "provider", "per second", "price", "health"];
            session.output.rows(head, &resolve::senders(session).await?, row)
        }
        Verb::Create { file } => {
            let answer = session.senders().create_sender(file::read(&file)?).await?.into_inner();
            session.output.message(&answer.sender.context("the hub's answer has no sender")?, describe)
        }
        Verb::Pause { sender, reason } => {
            let request = PauseSenderRequest { id: resolve::sender(session, &sender).await?, reason };
            say(session, session.senders().pause_sender(request).await?.into_inner().sender)
        }
        Verb::Resume { sender } => {
            let request = ResumeSenderRequest { id: resolve::sender(session, &sender).await? };
            say(session, session.senders().resume_sender(request).await?.into_inner().sender)
        }
        Verb::Connect(args) => connect::run(args, session).await,
        Verb::Test { sender } => connect::test(&sender, session).await,
        Verb::Disconnect { sender } => connect::disconnect(&sender, session).await,
        Verb::Prices(args) => prices::run(args, session).await,
        Verb::Unread { sender, limit } => unread::run(&sender, limit, session).await,
        Verb::Providers => {
            let providers = session.senders().list_providers(ListProvidersRequest {}).await?.into_inner().providers;
            session.output.say(&catalogue(&providers))?;
            session.output.json_lines(&providers)
        }
    }
}

fn say(session: &Session, sender: Option<Sender>) -> Result<()> {
    let sender = sender.context("the hub's answer has no sender")?;
    session.output.message(&sender, |sender| format!("{}  {}: {}", sender.id, sender.name, health(sender)))
}

fn row(sender: &Sender) -> [String; 7] {
    [
        sender.id.clone(),
        sender.name.clone(),
        channel_name(sender.channel).to_owned(),
        sender.provider.clone(),
        format!("{}", sender.rate_per_second),
        format!("{} {}", number::amount(sender.price_micros), sender.currency),
        health(sender),
    ]
}

/// Whether it can send, in a few words.
fn health(sender: &Sender) -> String {
    let is_well = |connection: &SenderConnection| connection.status() == ConnectionStatus::Connected;
    if sender.connection.as_ref().is_some_and(|connection| !is_well(connection)) {
        return connect::badge(sender);
    }
    let health = sender.health.clone().unwrap_or_default();
    if health.paused {
        return format!("PAUSED: {}", if health.paused_detail.is_empty() { &health.paused_code } else { &health.paused_detail });
    }
    if health.down_until.is_some() {
        return "DOWN: its provider doesn't answer; it is tried again by itself".to_owned();
    }
    if health.pace > 0.0 && health.pace < 1.0 {
        return format!("slowed down to {}", number::share(Some(health.pace)));
    }
    "ok".to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proto::sender::SenderHealth;

    #[test]
    fn what_keeps_a_sender_from_sending_is_said() {
        let shown = |health| health_of(health);
        assert_eq!(shown(SenderHealth { pace: 1.0, ..SenderHealth::default() }), "ok");
        assert_eq!(shown(SenderHealth { pace: 0.5, ..SenderHealth::default() }), "slowed down to 50.0 %");
        let paused = SenderHealth { paused: true, paused_code: "131042".to_owned(), ..SenderHealth::default() };
        assert_eq!(shown(paused), "PAUSED: 131042");
    }

    fn health_of(of: SenderHealth) -> String {
        health(&Sender { health: Some(of), ..Sender::default() })
    }
}
