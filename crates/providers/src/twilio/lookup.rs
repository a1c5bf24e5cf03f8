//! Asks Twilio whether it took a message: reads the list of messages to one number, to its end.
//!
//! Twilio keeps no id of ours with a message, so it is known by number, sender, time and, for SMS, text. Ids that the hub
//! has already are other messages'. What is neither surely ours nor surely another's makes the answer "can't say".
//! The list is not narrowed by `DateSent`: a message that still waits in Twilio's queue has none, and would be missed.
//! Source: `ListMessage` in Twilio's OpenAPI description.

use super::{errors, send::Sender, sms, wire};
use crate::errors::RETRY;
use crate::settings::is_e164;
use crate::{Fault, Lookup, LookupQuery, http_client, message::is_message_id};
use domain::Channel;
use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::time::timeout;

const PAGE_MESSAGES: u32 = 50;
const PAGES_MAX: u32 = 20;
/// What two clocks may differ by, and a request take on its way.
const SLACK: Duration = Duration::minutes(2);
/// A message like ours within so long of its time may be ours after all, if a clock was wrong.
const NEAR: Duration = Duration::hours(26);

/// The answer, within the account's deadline.
pub(super) async fn ask(sender: &Sender, query: &LookupQuery) -> Lookup {
    let slow = |_| Err(Fault::new("timeout", RETRY, "the list of messages takes too long to read"));
    match timeout(sender.deadline, read(sender, query)).await.unwrap_or_else(slow) {
        Ok(lookup) => lookup,
        Err(fault) => Lookup::CantSay(fault),
    }
}

async fn read(sender: &Sender, query: &LookupQuery) -> Result<Lookup, Fault> {
    let wanted = Wanted::new(sender, query);
    let mut seen = Seen::default();
    let mut url = sender.endpoint.clone();
    url.query_pairs_mut().append_pair("To", &wanted.to).append_pair("PageSize", &PAGE_MESSAGES.to_string());
    if let Some(from) = &wanted.from {
        url.query_pairs_mut().append_pair("From", from);
    }
    for _ in 0..PAGES_MAX {
        let request = sender.signed_in(sender.client.get(url.clone()));
        let answer = http_client::ask(request, sender.deadline, errors::fault).await?;
        let page: Page = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        for message in &page.messages {
            seen.add(&wanted, message)?;
        }
        match page.next_page_uri {
            Value::Null => {
                seen.to_the_end = true;
                break;
            }
            // Only its query is taken: the credentials go nowhere but to the account's own address.
            Value::String(next) => url.set_query(Some(next.split_once('?').ok_or_else(unreadable)?.1)),
            _ => return Err(unreadable()),
        }
    }
    Ok(seen.verdict(query.text.is_some()))
}

fn unreadable() -> Fault {
    Fault::new("garbage", RETRY, "the list of messages can't be read")
}

/// A page of the list. A part that is missing makes it unreadable, not empty.
#[derive(Debug, Deserialize)]
struct Page {
    messages: Vec<Resource>,
    next_page_uri: Value,
}

#[derive(Debug, Deserialize)]
struct Resource {
    sid: String,
    direction: String,
    date_created: String,
    to: Option<String>,
    from: Option<String>,
    body: Option<String>,
}

/// What the message in question looks like in the list.
struct Wanted<'a> {
    query: &'a LookupQuery,
    to: String,
    /// Only a number is sure to be written in the list as we write it: a name or a Messaging Service may come as another.
    from: Option<String>,
    text: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(sender: &Sender, query: &'a LookupQuery) -> Self {
        let from = sender.config.from.as_deref().filter(|from| is_e164(from));
        let from = from.filter(|_| sender.channel != Channel::Sms || !sms::has_name(&sender.config));
        Self {
            query,
            to: wire::address(sender.channel, &query.to),
            from: from.map(|from| wire::address(sender.channel, from)),
            text: query.text.as_deref().map(words),
        }
    }

    fn is_sent_so(&self, message: &Resource) -> bool {
        let same = |wanted: &str, given: &Option<String>| given.as_deref().is_none_or(|given| given == wanted);
        same(&self.to, &message.to) && self.from.as_deref().is_none_or(|from| same(from, &message.from))
    }

    /// Of a template only Twilio knows the text.
    fn says_so(&self, message: &Resource) -> bool {
        self.text.as_ref().is_none_or(|text| *text == words(message.body.as_deref().unwrap_or_default()))
    }
}

/// The text whatever its blanks are.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the list has shown so far.
#[derive(Default)]
struct Seen {
    /// Ours as far as can be told, with the time it was made.
    ours: Vec<(OffsetDateTime, String)>,
    /// Perhaps ours: another text at the right time, or the right text at another time.
    perhaps: bool,
    to_the_end: bool,
}

impl Seen {
    fn add(&mut self, wanted: &Wanted<'_>, message: &Resource) -> Result<(), Fault> {
        if message.direction != "outbound-api" || wanted.query.known.contains(&message.sid) {
            return Ok(());
        }
        let made = OffsetDateTime::parse(&message.date_created, &Rfc2822).map_err(|_| unreadable())?;
        let within = |slack| wanted.query.sent_after - slack <= made && made <= wanted.query.sent_before + slack;
        let alike = wanted.is_sent_so(message) && wanted.says_so(message);
        if within(SLACK) && alike {
            self.ours.push((made, message.sid.clone()));
        } else if within(SLACK) || within(NEAR) && alike {
            self.perhaps = true;
        }
        Ok(())
    }

    /// `by_text`: messages of the same text are as good as each other, so the first stands for this delivery, and the rest
    /// for others that are asked about later. Of templates one message is as likely another's, unless it is the only one.
    fn verdict(mut self, by_text: bool) -> Lookup {
        self.ours.sort();
        let sure = by_text || self.to_the_end && self.ours.len() == 1;
        match self.ours.into_iter().next() {
            Some((_, provider_message_id)) if sure && is_message_id(&provider_message_id) => {
                Lookup::Found { provider_message_id, permalink: None }
            }
            None if self.to_the_end && !self.perhaps => Lookup::NotFound,
            None if !self.to_the_end => {
                Lookup::CantSay(Fault::new("lookup_incomplete", RETRY, "the list of messages is too long to be read"))
            }
            _ => Lookup::CantSay(Fault::new("lookup_ambiguous", RETRY, "several messages may be the one asked about")),
        }
    }
}
