//! What of Twilio's form is only a WhatsApp message's: a registered Content template, or free text and one file, which the channel takes
//! only within 24 hours of the person's last message (else 63016).
//!
//! Source: `CreateMessage` in Twilio's OpenAPI description (`ContentSid`, `ContentVariables`, `Body`, `MediaUrl`).

use super::is_sid;
use crate::{Fault, Message};
use domain::content::{FreeMessage, Rendered, TwilioContent};

/// Twilio's limit, for every channel (error 21617).
const MAX_BODY_CHARS: usize = 1_600;

pub(super) fn fields(message: &Message) -> Result<Vec<(&'static str, String)>, Fault> {
    match &message.content {
        Rendered::Whatsapp(variant) => match &variant.twilio {
            Some(template) => content(template),
            None => Err(Fault::content("the template has no Twilio variant for WhatsApp")),
        },
        Rendered::Free(free) => self::free(free),
        _ => Err(Fault::content("the content is for another channel")),
    }
}

fn content(template: &TwilioContent) -> Result<Vec<(&'static str, String)>, Fault> {
    if !is_sid(&template.content_sid, "HX") {
        let detail = "the Content SID must be HX and 32 hexadecimal digits";
        return Err(Fault::content(detail));
    }
    let mut fields = vec![("ContentSid", template.content_sid.clone())];
    if !template.variables.is_empty() {
        let variables = serde_json::to_string(&template.variables).map_err(|_| Fault::content("the variables can't be written as JSON"))?;
        fields.push(("ContentVariables", variables));
    }
    Ok(fields)
}

/// WhatsApp takes one file a message. Twilio can't quote, so what is answered isn't said.
fn free(free: &FreeMessage) -> Result<Vec<(&'static str, String)>, Fault> {
    if free.text.chars().count() > MAX_BODY_CHARS {
        return Err(Fault::content("the text is longer than 1,600 characters"));
    }
    let parts = [("Body", &free.text), ("MediaUrl", &free.media_url)];
    let fields: Vec<_> = parts.into_iter().filter(|(_, text)| !text.trim().is_empty()).map(|(name, text)| (name, text.clone())).collect();
    if fields.is_empty() { Err(Fault::content("the message is empty")) } else { Ok(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, media_url: &str) -> Result<Vec<(&'static str, String)>, Fault> {
        let free = FreeMessage { text: text.to_owned(), media_url: media_url.to_owned(), ..FreeMessage::default() };
        fields(&Message::new("+15558675310", Rendered::Free(free), "c", "k"))
    }

    #[test]
    fn free_text_may_have_a_file() {
        assert_eq!(of("Yes", "").unwrap(), [("Body", "Yes".to_owned())]);
        let file = "https://cdn.example.com/a.jpg";
        assert_eq!(of("", file).unwrap(), [("MediaUrl", file.to_owned())]);
        assert_eq!(of("See", file).unwrap().len(), 2);
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for text in [" ", &"x".repeat(MAX_BODY_CHARS + 1)] {
            assert_eq!(of(text, "").unwrap_err().code, "content");
        }
        assert!(of(&"x".repeat(MAX_BODY_CHARS), "").is_ok());
    }
}
