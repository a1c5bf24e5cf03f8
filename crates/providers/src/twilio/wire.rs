//! Twilio's request and answer, as they are on the wire.

use super::{Config, sms, whatsapp};
use crate::errors::INVALID;
use crate::http_client::Answer;
use crate::settings::is_e164;
use crate::{Fault, Message};
use domain::Channel;
use serde::Deserialize;

pub(super) const WHATSAPP_PREFIX: &str = "whatsapp:";
/// Makes Twilio post a report again that was answered with an error or not at all: unless it is told so, it does that once, and only where it
/// found no connection. A fragment of the URL, which is for Twilio alone: it is neither sent nor signed (Twilio, "Connection Overrides").
const POST_AGAIN: &str = "#rc=3&rp=all";

/// A number as this channel writes it.
pub(super) fn address(channel: Channel, number: &str) -> String {
    match channel {
        Channel::Whatsapp => format!("{WHATSAPP_PREFIX}{number}"),
        _ => number.to_owned(),
    }
}

/// The form of one message, in the order that it is sent.
pub(super) fn form(config: &Config, channel: Channel, message: &Message) -> Result<Vec<(&'static str, String)>, Fault> {
    if !is_e164(&message.to) {
        return Err(Fault::new("21211", INVALID, "not a phone number in full"));
    }
    let mut form = vec![("To", address(channel, &message.to))];
    let from = if channel == Channel::Sms { sms::from(config, message) } else { config.from.as_deref() };
    if let Some(from) = from {
        form.push(("From", address(channel, from)));
    }
    if let Some(service) = &config.messaging_service_sid {
        form.push(("MessagingServiceSid", service.clone()));
    }
    form.extend(content(config, channel, message)?);
    if let Some(callback) = &message.status_callback {
        form.push(("StatusCallback", format!("{callback}{POST_AGAIN}")));
    }
    Ok(form)
}

fn content(config: &Config, channel: Channel, message: &Message) -> Result<Vec<(&'static str, String)>, Fault> {
    match channel {
        Channel::Sms => sms::fields(config, message),
        Channel::Whatsapp => whatsapp::fields(message),
        _ => Err(Fault::content("Twilio carries sms and whatsapp here")),
    }
}

/// The message's id in a `201`.
pub(super) fn message_sid(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Created {
        sid: String,
    }
    let created: Created = serde_json::from_slice(&answer.body).ok()?;
    Some(created.sid).filter(|sid| !sid.is_empty())
}

/// Twilio's error body. Its shape isn't in the OpenAPI description, so every part may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub code: Option<u32>,
    pub message: String,
}
