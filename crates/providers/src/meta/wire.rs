//! Meta's requests and answers, as they are on the wire.
//!
//! Templates go to `/messages` or `/marketing_messages`; free text and media, which Meta takes only within 24 hours of the person's last
//! message, to `/messages` alone. Source: `sendMessage` and `sendMarketingMessage` in Meta's OpenAPI description.

use super::{Config, parameters};
use crate::errors::INVALID;
use crate::http_client::Answer;
use crate::settings::is_e164;
use crate::{Fault, Message};
use domain::address::is_whatsapp_id;
use domain::content::{FreeMessage, MediaKind, MetaTemplate, Rendered};
use serde::{Deserialize, Serialize};

/// A free text has 4,096 characters at most; a caption 1,024.
const MAX_TEXT_CHARS: usize = 4_096;
const MAX_CAPTION_CHARS: usize = 1_024;

/// Which of the two endpoints takes a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Messages,
    Marketing,
}

impl Route {
    pub(super) const fn end(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Marketing => "marketing_messages",
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    #[serde(flatten)]
    to: Recipient<'a>,
    #[serde(flatten)]
    body: Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context<'a>>,
    /// Comes back with every status of this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_activity_sharing: Option<bool>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Recipient<'a> {
    /// A number in full.
    To(&'a str),
    /// A business-scoped user id: the number is hidden behind a user name.
    Recipient(&'a str),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Body<'a> {
    Template { template: Template<'a> },
    Text { text: Text<'a> },
    Image { image: Media<'a> },
    Video { video: Media<'a> },
    Document { document: Media<'a> },
}

/// The message that is answered.
#[derive(Debug, Serialize)]
struct Context<'a> {
    message_id: &'a str,
}

#[derive(Debug, Serialize)]
struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "parameters::Components::is_empty")]
    components: parameters::Components<'a>,
}

#[derive(Debug, Serialize)]
struct Language<'a> {
    code: &'a str,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    body: &'a str,
    preview_url: bool,
}

#[derive(Debug, Serialize)]
struct Media<'a> {
    link: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    caption: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

/// The template of a message.
pub(super) fn template(message: &Message) -> Result<&MetaTemplate, Fault> {
    let Rendered::Whatsapp(variant) = &message.content else {
        return Err(Fault::content("the content is for another channel"));
    };
    let Some(template) = &variant.meta else {
        return Err(Fault::content("the template has no Meta variant for WhatsApp"));
    };
    if template.name.is_empty() || template.language.is_empty() {
        return Err(Fault::content("the template's name or language is missing"));
    }
    Ok(template)
}

/// The body of one call.
///
/// # Errors
/// What keeps the message from being put into Meta's form.
pub(super) fn request<'a>(config: &Config, route: Route, message: &'a Message) -> Result<Request<'a>, Fault> {
    let to = recipient(&message.to)?;
    let marketing = route == Route::Marketing;
    if marketing && matches!(to, Recipient::Recipient(_)) {
        return Err(Fault::content("marketing messages go to numbers only"));
    }
    let (body, context) = match &message.content {
        Rendered::Free(free) => (free_body(free)?, Some(free.in_reply_to.as_str()).filter(|id| !id.is_empty())),
        _ => (Body::Template { template: template_body(template(message)?) }, None),
    };
    // Meta's description of marketing messages has no such field: it is sent there only where the account asks for it.
    let correlated = !marketing || config.marketing_correlation;
    Ok(Request {
        messaging_product: "whatsapp",
        recipient_type: "individual",
        to,
        body,
        context: context.map(|message_id| Context { message_id }),
        biz_opaque_callback_data: correlated.then_some(message.correlation.as_str()),
        product_policy: marketing.then(|| config.marketing.policy()),
        message_activity_sharing: config.activity_sharing.filter(|_| marketing),
    })
}

fn recipient(to: &str) -> Result<Recipient<'_>, Fault> {
    match to {
        number if is_e164(number) => Ok(Recipient::To(number)),
        id if is_user_id(id) => Ok(Recipient::Recipient(id)),
        _ => Err(Fault::new("131026", INVALID, "not a phone number in full, and no user id")),
    }
}

/// A business-scoped user id: a country code, a dot, and what Meta likes (`US.ENT.118…`).
pub(super) fn is_user_id(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(country, rest)| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) && !rest.is_empty())
        && is_whatsapp_id(text)
}

fn template_body(template: &MetaTemplate) -> Template<'_> {
    Template { name: &template.name, language: Language { code: &template.language }, components: parameters::of(template) }
}

fn free_body(free: &FreeMessage) -> Result<Body<'_>, Fault> {
    let (text, link) = (free.text.as_str(), free.media_url.as_str());
    let most = if link.is_empty() { MAX_TEXT_CHARS } else { MAX_CAPTION_CHARS };
    if text.chars().count() > most {
        return Err(Fault::content(if link.is_empty() {
            "the text is longer than 4,096 characters"
        } else {
            "the words beside a file are longer than 1,024 characters"
        }));
    }
    if link.is_empty() {
        if text.trim().is_empty() {
            return Err(Fault::content("the text is empty"));
        }
        return Ok(Body::Text { text: Text { body: text, preview_url: false } });
    }
    let media = |filename| Media { link, caption: text, filename };
    Ok(match MediaKind::of_link(link) {
        MediaKind::Image => Body::Image { image: media(None) },
        MediaKind::Video => Body::Video { video: media(None) },
        MediaKind::Document => Body::Document { document: media(file_name(link)) },
    })
}

fn file_name(link: &str) -> Option<&str> {
    let path = link.split(['?', '#']).next()?;
    path.rsplit('/').next().filter(|name| !name.is_empty() && name.len() <= 240)
}

/// The message's id in a `200`.
pub(super) fn message_id(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Accepted {
        messages: Vec<AcceptedMessage>,
    }
    #[derive(Deserialize)]
    struct AcceptedMessage {
        id: String,
    }
    let accepted: Accepted = serde_json::from_slice(&answer.body).ok()?;
    let message = accepted.messages.into_iter().next()?;
    Some(message.id).filter(|id| !id.is_empty())
}

/// The Graph API's error body.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub error: ApiError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ApiError {
    pub code: Option<u32>,
    pub message: String,
    pub error_data: ErrorData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorData {
    pub details: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_told_from_numbers() {
        for id in ["US.13491208655302741918", "US.ENT.11815799212886844830"] {
            assert!(is_user_id(id), "{id}");
        }
        for other in ["+16505551234", "us.1", "US.", "USA.1", "US.1/../2", "US", "ann@example.com", ""] {
            assert!(!is_user_id(other), "{other}");
        }
    }

    #[test]
    fn a_document_is_named_after_its_link() {
        assert_eq!(file_name("https://x.example/a/offer.pdf?v=1"), Some("offer.pdf"));
        assert_eq!(file_name("https://x.example/"), None);
    }
}
