//! Makes the letter: headers, parts, files, signature, envelope.

use super::Config;
use crate::errors::{INVALID, PAUSE};
use crate::settings::one_line;
use crate::{Attachment, Fault, Message};
use domain::content::Rendered;
use lettre::{
    Address,
    message::{
        Body, Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use time::OffsetDateTime;

const DELIVERY: HeaderName = HeaderName::new_from_ascii_str("X-Fanfare-Delivery");
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
const LIST_UNSUBSCRIBE_POST: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");

/// A message ready to be handed to a server.
#[derive(Debug)]
pub(super) struct Letter {
    /// The envelope's sender: where it comes back to.
    pub from: Address,
    pub to: Address,
    /// The same for every try at this message, so that a receiver can tell a repetition.
    pub message_id: String,
    pub bytes: Vec<u8>,
}

pub(super) fn letter(config: &Config, message: &Message, now: OffsetDateTime) -> Result<Letter, Fault> {
    let (text, html, subject) = match &message.content {
        Rendered::Email(email) => (email.text.as_str(), email.html.as_str(), email.subject.as_str()),
        Rendered::Free(answer) => (answer.text.as_str(), "", answer.subject.as_str()),
        _ => return Err(Fault::content("the content is for another channel")),
    };
    let to: Address = message.to.parse().map_err(|_| Fault::new("5.1.3", INVALID, "not a valid address"))?;
    let message_id = format!("{}@{}", message.idempotency_key, config.from.domain());
    let mailbox = |name: Option<&str>, address: &Address| Mailbox::new(name.map(one_line).filter(|name| !name.is_empty()), address.clone());
    let mut letter = lettre::Message::builder()
        .from(mailbox(config.from_name.as_deref(), &config.from))
        .to(mailbox(message.to_name.as_deref(), &to))
        .subject(one_line(subject))
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(HeaderValue::new(DELIVERY, message.correlation.clone()));
    if let Rendered::Free(answer) = &message.content
        && !answer.in_reply_to.is_empty()
    {
        let id = format!("<{}>", one_line(&answer.in_reply_to).trim_matches(['<', '>']));
        letter = letter.in_reply_to(id.clone()).references(id);
    }
    if let Some(link) = &message.unsubscribe_url {
        letter = letter
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE, format!("<{}>", one_line(link))))
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE_POST, "List-Unsubscribe=One-Click".to_owned()));
    }
    let bytes = body(letter, text, html, &message.attachments)?.formatted();
    let bytes = match &config.signer {
        Some(signer) => signer.sign(&bytes, now).map_err(|_| Fault::new("dkim", PAUSE, "the letter can't be signed"))?,
        None => bytes,
    };
    Ok(Letter { from: envelope_from(config, message), to, message_id, bytes })
}

/// What can't be an address is no reason to keep a letter back: it comes back to the sender then.
fn envelope_from(config: &Config, message: &Message) -> Address {
    let own = message.return_path.as_ref().and_then(|address| address.parse().ok());
    own.unwrap_or_else(|| config.from.clone())
}

/// Pictures stand beside the HTML that shows them, other files beside all of it (RFC 2387, RFC 2046).
fn body(letter: MessageBuilder, text: &str, html: &str, files: &[Attachment]) -> Result<lettre::Message, Fault> {
    let (inline, attached): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.content_id.is_some() && !html.is_empty());
    let plain = || SinglePart::plain(text.to_owned());
    let written = match (text.is_empty(), html.is_empty()) {
        (true, true) => return Err(Fault::content("the e-mail has neither text nor HTML")),
        (false, true) => Part::Single(plain()),
        (true, false) => with_pictures(html, &inline)?,
        (false, false) => {
            let both = MultiPart::alternative().singlepart(plain());
            Part::Multi(match with_pictures(html, &inline)? {
                Part::Single(part) => both.singlepart(part),
                Part::Multi(part) => both.multipart(part),
            })
        }
    };
    let letter = match (attached.is_empty(), written) {
        (true, Part::Single(part)) => letter.singlepart(part),
        (true, Part::Multi(part)) => letter.multipart(part),
        (false, written) => {
            let mut all = match written {
                Part::Single(part) => MultiPart::mixed().singlepart(part),
                Part::Multi(part) => MultiPart::mixed().multipart(part),
            };
            for file in attached {
                let part = lettre::message::Attachment::new(one_line(&file.name));
                all = all.singlepart(part.body(encoded(file)?, media_type(file)?));
            }
            letter.multipart(all)
        }
    };
    letter.map_err(|_| Fault::content("the e-mail can't be put together"))
}

enum Part {
    Single(SinglePart),
    Multi(MultiPart),
}

fn with_pictures(html: &str, pictures: &[&Attachment]) -> Result<Part, Fault> {
    let html = SinglePart::html(html.to_owned());
    if pictures.is_empty() {
        return Ok(Part::Single(html));
    }
    let mut related = MultiPart::related().singlepart(html);
    for file in pictures {
        let id = one_line(file.content_id.as_deref().unwrap_or_default());
        let part = lettre::message::Attachment::new_inline_with_name(id, one_line(&file.name));
        related = related.singlepart(part.body(encoded(file)?, media_type(file)?));
    }
    Ok(Part::Multi(related))
}

/// In base64 whatever it is: a line end within a file must not be taken for one of the letter.
fn encoded(file: &Attachment) -> Result<Body, Fault> {
    Body::new_with_encoding(file.bytes.to_vec(), ContentTransferEncoding::Base64).map_err(|_| Fault::content("a file can't be encoded"))
}

fn media_type(file: &Attachment) -> Result<ContentType, Fault> {
    ContentType::parse(&file.media_type).map_err(|_| Fault::content("a file's type can't be named"))
}
