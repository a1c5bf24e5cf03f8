//! A message on its way into the log: its line, and what the books keep of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::behaviour::StepSet;
use crate::ledger::books::Summary;
use crate::message::{Channel, Message, Provider};

/// Longest title in the list of messages, in characters.
const TITLE_CHARS: usize = 140;

pub struct Draft {
    /// The JSON object without its `seq`.
    body: Vec<u8>,
    pub kept: Kept,
}

/// What is kept in memory of a logged message.
pub struct Kept {
    pub channel: Channel,
    pub plays: StepSet,
    /// Of an e-mail by SMTP: equal for the same Message-ID and recipient.
    pub letter: Option<u64>,
    /// Of Twilio's messages and of posts: the recipient's and the message's key.
    pub twilio: Option<(u64, u64)>,
    /// Equal for messages that are duplicates of each other.
    pub sameness: [Option<u64>; 2],
    pub summary: Summary,
}

impl Draft {
    pub fn new(message: &Message) -> std::io::Result<Self> {
        Ok(Draft { body: serde_json::to_vec(message)?, kept: Kept::new(message) })
    }

    /// Writes the line with its sequence number in front.
    pub fn write(&self, seq: u64, line: &mut Vec<u8>) {
        line.extend_from_slice(format!("{{\"seq\":{seq},").as_bytes());
        line.extend_from_slice(self.body.get(1..).unwrap_or_default());
        line.push(b'\n');
    }
}

impl Kept {
    pub fn new(message: &Message) -> Self {
        let by_correlation =
            (!message.correlation.is_empty()).then(|| identity(message.channel, &message.to, &("correlation", &message.correlation)));
        let letter = message.message_id.as_ref().filter(|_| message.provider == Provider::Smtp);
        Kept {
            channel: message.channel,
            plays: message.plays,
            letter: letter.map(|id| identity(message.channel, &message.to, &("letter", id))),
            // The networks list their posts in the same way.
            twilio: (message.provider == Provider::Twilio || message.channel == Channel::Social)
                .then(|| (twilio_to(message.channel, &message.to), twilio_sid(&message.provider_message_id))),
            sameness: [by_correlation, Some(identity(message.channel, &message.to, &content(message)))],
            summary: Summary {
                seq: 0,
                at: message.at.clone(),
                channel: message.channel,
                provider: message.provider,
                to: message.to.clone(),
                title: title(message),
            },
        }
    }
}

/// A number that stands for something about one recipient. Equal only by equality, or one chance in 2^64.
pub fn identity(channel: Channel, to: &str, what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (channel, to).hash(&mut hasher);
    what.hash(&mut hasher);
    hasher.finish()
}

/// Stands for a recipient of Twilio's messages.
pub fn twilio_to(channel: Channel, to: &str) -> u64 {
    identity(channel, to, &"twilio")
}

/// Stands for a message of Twilio's.
pub fn twilio_sid(sid: &str) -> u64 {
    identity(Channel::Sms, sid, &"twilio sid")
}

/// What the recipient gets to see, without the tokens that differ from one message to the next.
fn content(message: &Message) -> impl Hash {
    let seen = |text: &Option<String>| text.as_deref().map(without_tokens);
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(|value| without_tokens(&value.to_string()));
    (
        [seen(&message.subject), seen(&message.text), seen(&message.html), message.content_sid.clone()],
        [json(&message.variables), json(&message.template)],
        message.media.clone(),
    )
}

/// Shortest path segment after `/o/`, `/c/` or `/u/` that is taken for a token.
const TOKEN_CHARS: usize = 12;

fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let after = &rest[at..];
        let marked = ["/o/", "/c/", "/u/"].iter().any(|mark| after.starts_with(mark));
        let skip = if marked { 3 } else { 1 };
        out.push_str(&rest[..at + skip]);
        rest = &after[skip..];
        if marked {
            let token = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).unwrap_or(rest.len());
            if token >= TOKEN_CHARS {
                rest = &rest[token..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn title(message: &Message) -> String {
    let named = |key: &str| message.template.as_ref().and_then(|t| t.get(key)).and_then(|name| name.as_str());
    let title = match message.provider {
        Provider::Meta if message.text.is_none() => format!("Template {}", named("name").unwrap_or("?")),
        Provider::Twilio if message.content_sid.is_some() => {
            let variables = message.variables.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("Template {} {variables}", message.content_sid.as_deref().unwrap_or_default())
        }
        _ => message.subject.clone().or_else(|| message.text.clone()).unwrap_or_default(),
    };
    title.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(html: &str, correlation: &str) -> Message {
        let mut message = Message::new(Provider::Smtp, Channel::Email, "a@example.com".into(), "b@example.com".into());
        message.html = Some(html.into());
        message.correlation = correlation.into();
        message
    }

    #[test]
    fn content_is_the_same_whatever_its_tokens_are() {
        let one = Kept::new(&mail("<a href='http://h/c/abcdefghijkl.1'>x</a>", "one"));
        let two = Kept::new(&mail("<a href='http://h/c/mnopqrstuvwx.2'>x</a>", "two"));
        let other = Kept::new(&mail("<a href='http://h/c/shoes'>x</a>", "two"));
        assert_eq!(one.sameness[1], two.sameness[1]);
        assert_ne!(one.sameness[0], two.sameness[0]);
        assert_ne!(one.sameness[1], other.sameness[1]);
        assert_eq!(two.sameness[0], other.sameness[0]);
    }

    #[test]
    fn a_line_starts_with_its_number() {
        let mut line = Vec::new();
        Draft::new(&mail("x", "c")).unwrap().write(9, &mut line);
        let logged: crate::message::Logged = serde_json::from_slice(&line).unwrap();
        assert!(line.starts_with(b"{\"seq\":9,\"at\":"));
        assert_eq!((logged.seq, logged.message.correlation.as_str()), (9, "c"));
    }
}
