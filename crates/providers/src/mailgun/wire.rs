//! Mailgun's request and answer, as they are on the wire.

use super::{Config, form::Fields};
use crate::http_client::Answer;
use crate::settings::one_line;
use crate::{Attachment, Fault, Message};
use domain::content::Rendered;
use lettre::{Address, message::Mailbox};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What one message says, checked.
pub(super) struct Letter<'a> {
    pub address: Address,
    to: String,
    subject: String,
    text: &'a str,
    html: &'a str,
    in_reply_to: &'a str,
    message: &'a Message,
}

impl<'a> Letter<'a> {
    pub(super) fn of(message: &'a Message) -> Result<Self, Fault> {
        let (subject, text, html, in_reply_to) = match &message.content {
            Rendered::Email(email) => (email.subject.as_str(), email.text.as_str(), email.html.as_str(), ""),
            Rendered::Free(free) => (free.subject.as_str(), free.text.as_str(), "", free.in_reply_to.as_str()),
            _ => return Err(Fault::content("the content is for another channel")),
        };
        if text.is_empty() && html.is_empty() {
            return Err(Fault::content("the message has neither text nor HTML"));
        }
        let invalid = |_| Fault::new("address", crate::errors::INVALID, "not a valid address");
        let address: Address = message.to.parse().map_err(invalid)?;
        let name = message.to_name.as_deref().map(one_line).filter(|name| !name.is_empty());
        let to = Mailbox::new(name, address.clone()).to_string();
        Ok(Self { address, to, subject: one_line(subject), text, html, in_reply_to, message })
    }

    /// Whether it may share a call: no answer to somebody, and no words that Mailgun would take for a variable.
    pub(super) fn can_share(&self) -> bool {
        let plain = |text: &str| !text.contains("%recipient");
        self.in_reply_to.is_empty() && [&self.subject, self.text, self.html].into_iter().all(plain)
    }

    /// What goes along with it.
    pub(super) fn files(&self) -> &'a [Attachment] {
        &self.message.attachments
    }

    /// Bytes that it adds to a call, about; the files apart.
    pub(super) fn size(&self) -> usize {
        self.subject.len() + self.text.len() + self.html.len() + self.to.len() + 512
    }
}

fn frame(config: &Config) -> Fields {
    let name = config.from_name.as_deref().map(one_line).filter(|name| !name.is_empty());
    // Its own tracking off, whatever the domain's defaults are.
    vec![("from", Mailbox::new(name, config.from.clone()).to_string()), ("o:tracking", "no".to_owned())]
}

fn unsubscribe(fields: &mut Fields, link: String) {
    fields.push(("h:List-Unsubscribe", link));
    fields.push(("h:List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
}

/// The form of one message. Its Message-ID is the same for every try.
pub(super) fn single(config: &Config, letter: &Letter<'_>) -> Fields {
    let message = letter.message;
    let mut fields = frame(config);
    fields.push(("to", letter.to.clone()));
    fields.push(("subject", letter.subject.clone()));
    let bodies = [("text", letter.text), ("html", letter.html)];
    fields.extend(bodies.into_iter().filter(|(_, body)| !body.is_empty()).map(|(name, body)| (name, body.to_owned())));
    fields.push(("h:Message-Id", format!("<{}@{}>", message.idempotency_key, config.domain)));
    fields.push(("v:fanfare", message.correlation.clone()));
    if let Some(link) = &message.unsubscribe_url {
        unsubscribe(&mut fields, format!("<{link}>"));
    }
    if !letter.in_reply_to.is_empty() {
        let id = format!("<{}>", letter.in_reply_to.trim_matches(['<', '>']));
        fields.extend([("h:In-Reply-To", id.clone()), ("h:References", id)]);
    }
    fields
}

/// The form of several messages, to as many addresses. What is the same in all of them stands in it once; the rest are each recipient's
/// variables.
pub(super) fn together(config: &Config, letters: &[&Letter<'_>]) -> Fields {
    let mut fields = frame(config);
    let mut variables: Vec<Map<String, Value>> = vec![Map::new(); letters.len()];
    let mut put = |name: &'static str, key: &str, values: Vec<String>| {
        if values.iter().all(String::is_empty) {
            return;
        }
        if values.windows(2).all(|two| two[0] == two[1]) {
            fields.extend(values.into_iter().next().map(|value| (name, value)));
            return;
        }
        fields.push((name, format!("%recipient.{key}%")));
        for (variables, value) in variables.iter_mut().zip(values) {
            variables.insert(key.to_owned(), value.into());
        }
    };
    let all = |pick: &dyn Fn(&Letter<'_>) -> String| letters.iter().map(|letter| pick(letter)).collect::<Vec<_>>();
    put("subject", "subject", all(&|letter| letter.subject.clone()));
    put("text", "text", all(&|letter| letter.text.to_owned()));
    put("html", "html", all(&|letter| letter.html.to_owned()));
    put("v:fanfare", "fanfare", all(&|letter| letter.message.correlation.clone()));
    put("v:fanfare_n", "n", (0..letters.len()).map(|n| n.to_string()).collect());
    let links = all(&|letter| letter.message.unsubscribe_url.as_ref().map(|link| format!("<{link}>")).unwrap_or_default());
    let has_links = links.iter().any(|link| !link.is_empty());
    put("h:List-Unsubscribe", "unsubscribe", links);
    if has_links {
        fields.push(("h:List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    let of: Map<String, Value> =
        letters.iter().zip(variables).map(|(letter, variables)| (letter.address.to_string(), Value::Object(variables))).collect();
    fields.push(("recipient-variables", json!(of).to_string()));
    fields.extend(letters.iter().map(|letter| ("to", letter.to.clone())));
    fields
}

/// What the hub calls a message of a call that carries several, which have one id.
pub(super) fn id_of(call: &str, n: &str) -> String {
    format!("{call}#{n}")
}

/// The id in a success, without its angle brackets.
pub(super) fn message_id(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Queued {
        id: String,
    }
    let queued: Queued = serde_json::from_slice(&answer.body).ok()?;
    Some(queued.id.trim().trim_matches(['<', '>']).to_owned()).filter(|id| !id.is_empty())
}

/// Mailgun's error body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub message: String,
}
