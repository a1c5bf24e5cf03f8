//! Twilio's request and answer, as they are on the wire.

use super::{Config, is_sid};
use crate::errors::INVALID;
use crate::http_client::Answer;
use crate::settings::is_e164;
use crate::{Fault, Message};
use domain::{Channel, content::Rendered};
use serde::Deserialize;

pub(super) const WHATSAPP_PREFIX: &str = "whatsapp:";

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
    if let Some(from) = &config.from {
        form.push(("From", address(channel, from)));
    }
    if let Some(service) = &config.messaging_service_sid {
        form.push(("MessagingServiceSid", service.clone()));
    }
    form.extend(content(channel, &message.content)?);
    if let Some(callback) = &message.status_callback {
        form.push(("StatusCallback", callback.clone()));
    }
    Ok(form)
}

fn content(channel: Channel, content: &Rendered) -> Result<Vec<(&'static str, String)>, Fault> {
    match (channel, content) {
        (Channel::Sms, Rendered::Sms(sms)) if !sms.text.is_empty() => Ok(vec![("Body", sms.text.clone())]),
        (Channel::Sms, Rendered::Sms(_)) => Err(Fault::content("the text is empty")),
        (Channel::Whatsapp, Rendered::Whatsapp(variant)) => {
            let Some(template) = &variant.twilio else {
                return Err(Fault::content("the template has no Twilio variant for WhatsApp"));
            };
            if !is_sid(&template.content_sid, "HX") {
                let detail = "the Content SID must be HX and 32 hexadecimal digits";
                return Err(Fault::content(detail));
            }
            let mut fields = vec![("ContentSid", template.content_sid.clone())];
            if !template.variables.is_empty() {
                let variables =
                    serde_json::to_string(&template.variables).map_err(|_| Fault::content("the variables can't be written as JSON"))?;
                fields.push(("ContentVariables", variables));
            }
            Ok(fields)
        }
        _ => Err(Fault::content("the content is for another channel")),
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
