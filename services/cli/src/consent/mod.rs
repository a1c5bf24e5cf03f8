//! `fanfare consent`: what people said about being messaged, and lists that ask for it.

mod list;

use crate::{output::words, paging, resolve, session::Session};
use anyhow::{Context, Result};
use clap::Subcommand;
use domain::Channel;
use proto::{
    consent::{
        ConsentEvent, ConsentKind, CreatePreferenceLinkRequest, GetPreferencesRequest, LeaveTopicsRequest, ListConsentEventsRequest,
        Preferences, RejoinTopicsRequest,
    },
    convert::channel,
};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Everything that was said about an address or a contact, newest first
    Log {
        /// An e-mail address, a phone, or a contact's id
        of: String,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What a contact can be messaged on and about
    Show {
        /// The contact's id
        contact: String,
    },
    /// The link to a contact's own preference page
    Link {
        /// The contact's id
        contact: String,
    },
    /// A contact leaves topics
    Leave {
        /// The contact's id
        contact: String,
        /// Topic (name or id); repeat for more
        #[arg(long = "topic", required = true)]
        topics: Vec<String>,
        /// What is known of it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// A contact who asked for it gets topics again, with a reason that is kept (admin)
    Rejoin {
        /// The contact's id
        contact: String,
        /// Topic (name or id); repeat for more
        #[arg(long = "topic", required = true)]
        topics: Vec<String>,
        #[arg(long)]
        reason: String,
    },
    /// How a list asks for consent: show it, or change what is given (admin)
    List(list::ListArgs),
    /// Who has yet to confirm a list
    Pending {
        /// Name or id
        list: String,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// The links by which contacts confirm a list, for a confirmation message
    Ask(list::AskArgs),
    /// Record that contacts have confirmed a list elsewhere, with the evidence (admin)
    Record(list::RecordArgs),
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Log { of, limit } => log(&of, limit, session).await,
        Verb::Show { contact } => {
            let answer = session.consents().get_preferences(GetPreferencesRequest { contact_id: contact }).await?.into_inner();
            show(session, answer.preferences)
        }
        Verb::Link { contact } => {
            let request = CreatePreferenceLinkRequest { contact_id: contact };
            let url = session.consents().create_preference_link(request).await?.into_inner().url;
            session.output.value(&json!({ "url": url }), &url)
        }
        Verb::Leave { contact, topics, reason } => {
            let request = LeaveTopicsRequest { contact_id: contact, topic_ids: resolve::topics(session, &topics).await?, reason };
            show(session, session.consents().leave_topics(request).await?.into_inner().preferences)
        }
        Verb::Rejoin { contact, topics, reason } => {
            let request = RejoinTopicsRequest { contact_id: contact, topic_ids: resolve::topics(session, &topics).await?, reason };
            show(session, session.consents().rejoin_topics(request).await?.into_inner().preferences)
        }
        Verb::List(args) => list::run(args, session).await,
        Verb::Pending { list, limit } => list::pending(&list, limit, session).await,
        Verb::Ask(args) => list::ask(args, session).await,
        Verb::Record(args) => list::record(args, session).await,
    }
}

async fn log(of: &str, limit: usize, session: &Session) -> Result<()> {
    let (address, contact_id) = if resolve::is_id(of) { ("", of) } else { (of, "") };
    let events = paging::collect(limit, |page_size, page_token| {
        let request = ListConsentEventsRequest { address: address.to_owned(), contact_id: contact_id.to_owned(), page_size, page_token };
        async move {
            let page = session.consents().list_consent_events(request).await?.into_inner();
            Ok((page.events, page.next_page_token))
        }
    });
    session.output.rows(["at", "what", "about", "address", "source", "by", "evidence"], &events.await?, row)
}

fn row(event: &ConsentEvent) -> [String; 7] {
    let kind = ConsentKind::try_from(event.kind).map(|kind| words(&format!("{kind:?}"))).unwrap_or_default();
    let about = match (event.topic_id.as_str(), event.list_id.as_str()) {
        ("", "") => channel(event.channel).map_or("all channels", Channel::as_str).to_owned(),
        ("", list) => format!("list {list}"),
        (topic, _) => format!("topic {topic}"),
    };
    let evidence = event.evidence.clone().unwrap_or_default();
    let known = [
        ("from", evidence.ip),
        ("said", evidence.text),
        ("code", evidence.code),
        ("message", evidence.delivery_id),
        ("wording", if evidence.wording_version > 0 { format!("version {}", evidence.wording_version) } else { String::new() }),
    ];
    let known: Vec<_> = known.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name} {value}")).collect();
    [when(event.at.as_ref()), kind, about, event.address.clone(), event.source.clone(), event.actor.clone(), known.join(", ")]
}

fn when(at: Option<&prost_types::Timestamp>) -> String {
    let time = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

fn show(session: &Session, preferences: Option<Preferences>) -> Result<()> {
    session.output.message(&preferences.context("the hub's answer has no preferences")?, describe)
}

fn describe(preferences: &Preferences) -> String {
    let mut lines = vec![format!("{}  language {}", preferences.contact_id, or_none(&preferences.language))];
    for on in &preferences.channels {
        let state = match (on.opted_out, on.revocable) {
            (false, _) => "on",
            (true, true) => "off",
            (true, false) => "off, and only an admin can change it",
        };
        lines.push(format!("  {:<10} {}  {state}", crate::output::channel_name(on.channel), on.address));
    }
    for topic in &preferences.topics {
        lines.push(format!("  topic {}  {}", topic.name, if topic.left { "left" } else { "on" }));
    }
    lines.join("\n")
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "not known" } else { text }
}
