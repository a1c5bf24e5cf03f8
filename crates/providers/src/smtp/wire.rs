//! Makes the letter: headers, parts, envelope.

use super::Config;
use crate::errors::INVALID;
use crate::settings::one_line;
use crate::{Fault, Message};
use domain::content::{EmailVariant, Rendered};
use lettre::{
    Address,
    message::{
        Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

const DELIVERY: HeaderName = HeaderName::new_from_ascii_str("X-Fanfare-Delivery");
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
const LIST_UNSUBSCRIBE_POST: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");

/// A message ready to be handed to a server.
#[derive(Debug)]
pub(super) struct Letter {
    pub to: Address,
    /// The same for every try at this message, so that a receiver can tell a repetition.
    pub message_id: String,
    pub bytes: Vec<u8>,
}

pub(super) fn letter(config: &Config, message: &Message) -> Result<Letter, Fault> {
    let Rendered::Email(email) = &message.content else {
        return Err(Fault::content("the content is for another channel"));
    };
    let to: Address = message.to.parse().map_err(|_| Fault::new("5.1.3", INVALID, "not a valid address"))?;
    let message_id = format!("{}@{}", message.idempotency_key, config.from.domain());
    let mailbox = |name: Option<&str>, address: &Address| Mailbox::new(name.map(one_line).filter(|name| !name.is_empty()), address.clone());
    let mut letter = lettre::Message::builder()
        .from(mailbox(config.from_name.as_deref(), &config.from))
        .to(mailbox(message.to_name.as_deref(), &to))
        .subject(one_line(&email.subject))
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(HeaderValue::new(DELIVERY, message.correlation.clone()));
    if let Some(link) = &message.unsubscribe_url {
        letter = letter
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE, format!("<{}>", one_line(link))))
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE_POST, "List-Unsubscribe=One-Click".to_owned()));
    }
    Ok(Letter { to, message_id, bytes: body(letter, email)?.formatted() })
}

fn body(letter: MessageBuilder, email: &EmailVariant) -> Result<lettre::Message, Fault> {
    let text = || SinglePart::plain(email.text.clone());
    let html = || SinglePart::html(email.html.clone());
    let letter = match (email.text.is_empty(), email.html.is_empty()) {
        (true, true) => return Err(Fault::content("the e-mail has neither text nor HTML")),
        (false, true) => letter.singlepart(text()),
        (true, false) => letter.singlepart(html()),
        (false, false) => letter.multipart(MultiPart::alternative().singlepart(text()).singlepart(html())),
    };
    letter.map_err(|_| Fault::content("the e-mail can't be put together"))
}
