//! What is made of a message that came by SMTP.

use mail_parser::{Message as Parsed, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::behaviour::StepSet;
use crate::config::Active;
use crate::desk::Desk;
use crate::message::{Channel, Message, Provider};
use crate::recipient::links;
use crate::smtp::dkim;

/// A message that follows RFC 5322 as far as the large receivers insist on it.
pub struct Mail {
    from: String,
    message_id: String,
    correlation: String,
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    list_unsubscribe: Option<String>,
    /// Each as `name (type, size)`; what the HTML shows with `cid:` and the name that it has there.
    files: Vec<String>,
    dkim: String,
}

#[derive(Debug)]
pub struct Refusal {
    pub why: String,
    pub correlation: String,
}

pub fn read(data: &[u8], active: &Active) -> Result<Mail, Refusal> {
    let nothing = || Refusal { why: "the message cannot be read".into(), correlation: String::new() };
    let parsed = MessageParser::default().parse(data).ok_or_else(nothing)?;
    let message_id = parsed.message_id().unwrap_or_default().to_owned();
    let own = header(&parsed, "X-Fanfare-Delivery");
    let correlation = own.unwrap_or_else(|| message_id.split('@').next().unwrap_or_default().to_owned());
    let refuse = |why: String| Refusal { why, correlation: correlation.clone() };
    for name in ["From", "Date", "Message-ID"] {
        if count(&parsed, name) != 1 {
            return Err(refuse(format!("a message must have exactly one {name}")));
        }
    }
    for name in ["Subject", "To", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post"] {
        if count(&parsed, name) > 1 {
            return Err(refuse(format!("a message must have at most one {name}")));
        }
    }
    let from = parsed.from().and_then(|from| from.first()).and_then(|from| from.address());
    let from = from.ok_or_else(|| refuse("From has no address".into()))?.to_owned();
    let one_click = header(&parsed, "List-Unsubscribe-Post").as_deref() == Some("List-Unsubscribe=One-Click");
    Ok(Mail {
        from,
        subject: parsed.subject().map(Into::into),
        text: parsed.text_bodies().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _ => None,
        }),
        html: parsed.html_bodies().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        }),
        list_unsubscribe: header(&parsed, "List-Unsubscribe").filter(|_| one_click),
        files: parsed.attachments().map(file).collect(),
        dkim: dkim::verdict(data, &active.config.mail.dkim_keys),
        correlation,
        message_id,
    })
}

fn file(part: &MessagePart<'_>) -> String {
    let kind = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())).unwrap_or_default();
    let shown = part.content_id().map(|id| format!("cid:{id} ")).unwrap_or_default();
    format!("{shown}{} ({kind}, {} bytes)", part.attachment_name().unwrap_or_default(), part.contents().len())
}

/// One recipient's copy. `id` is what the sender was told it is queued as, `from` the envelope's sender.
pub fn message(desk: &Desk, active: &Active, mail: &Mail, from: &str, to: &str, id: &str) -> Message {
    let fate = desk.fate(active, Channel::Email, to);
    let mut message = Message {
        correlation: mail.correlation.clone(),
        provider_message_id: id.to_owned(),
        message_id: Some(mail.message_id.clone()),
        subject: mail.subject.clone(),
        text: mail.text.clone(),
        html: mail.html.clone(),
        links: links::find(mail.html.as_deref(), mail.list_unsubscribe.as_deref(), &fate),
        return_path: Some(from.to_owned()),
        dkim: Some(mail.dkim.clone()),
        media: mail.files.clone(),
        ..Message::new(Provider::Smtp, Channel::Email, to.to_owned(), mail.from.clone())
    };
    // One that fails is lost on its way; its sender hears of it where bounces are returned.
    let possible: StepSet = links::steps(&message.links);
    desk.plan(active, &mut message, possible, |_| ("lost", false));
    message
}

fn count(parsed: &Parsed, name: &str) -> usize {
    parsed.headers_raw().filter(|(found, _)| found.eq_ignore_ascii_case(name)).count()
}

/// A header's value, unfolded.
fn header(parsed: &Parsed, name: &str) -> Option<String> {
    let raw = parsed.headers_raw().find(|(found, _)| found.eq_ignore_ascii_case(name))?.1;
    Some(raw.replace(['\r', '\n'], "").trim().to_owned())
}
