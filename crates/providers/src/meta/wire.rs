//! Meta's request and answer, as they are on the wire.

use crate::errors::INVALID;
use crate::http_client::Answer;
use crate::settings::is_e164;
use crate::{Fault, Message};
use domain::content::{MetaTemplate, Rendered};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    to: &'a str,
    r#type: &'static str,
    template: Template<'a>,
    /// Comes back with every status of this message.
    biz_opaque_callback_data: &'a str,
}

#[derive(Debug, Serialize)]
struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "Components::is_empty")]
    components: Components<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Components<'a> {
    Made(Vec<Component<'a>>),
    /// As the template's author wrote them.
    Written(&'a serde_json::Value),
}

impl Components<'_> {
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Made(components) if components.is_empty())
    }
}

#[derive(Debug, Serialize)]
struct Language<'a> {
    code: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Component<'a> {
    Header { parameters: [Parameter<'a>; 1] },
    Body { parameters: Vec<Parameter<'a>> },
    Button { sub_type: &'static str, index: String, parameters: [Parameter<'a>; 1] },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Parameter<'a> {
    Text { text: &'a str },
    Image { image: Link<'a> },
}

#[derive(Debug, Serialize)]
struct Link<'a> {
    link: &'a str,
}

pub(super) fn request(message: &Message) -> Result<Request<'_>, Fault> {
    if !is_e164(&message.to) {
        return Err(Fault::new("131026", INVALID, "not a phone number in full"));
    }
    let Rendered::Whatsapp(variant) = &message.content else {
        return Err(Fault::content("the content is for another channel"));
    };
    let Some(template) = &variant.meta else {
        return Err(Fault::content("the template has no Meta variant for WhatsApp"));
    };
    if template.name.is_empty() || template.language.is_empty() {
        return Err(Fault::content("the template's name or language is missing"));
    }
    Ok(Request {
        messaging_product: "whatsapp",
        recipient_type: "individual",
        to: &message.to,
        r#type: "template",
        template: Template { name: &template.name, language: Language { code: &template.language }, components: components(template) },
        biz_opaque_callback_data: &message.correlation,
    })
}

fn components(template: &MetaTemplate) -> Components<'_> {
    if let Some(written) = &template.components {
        return Components::Written(written);
    }
    let link = template.header_image_url.as_str();
    let header = (!link.is_empty()).then_some(Component::Header { parameters: [Parameter::Image { image: Link { link } }] });
    let body = (!template.body.is_empty())
        .then(|| Component::Body { parameters: template.body.iter().map(|text| Parameter::Text { text }).collect() });
    let buttons = template.url_buttons.iter().map(|(index, text)| Component::Button {
        sub_type: "url",
        index: index.to_string(),
        parameters: [Parameter::Text { text }],
    });
    Components::Made(header.into_iter().chain(body).chain(buttons).collect())
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
