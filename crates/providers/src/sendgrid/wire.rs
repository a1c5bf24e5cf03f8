//! SendGrid's request and answer, as they are on the wire.

use super::Config;
use crate::http_client::Answer;
use crate::settings::one_line;
use crate::{Fault, Message};
use domain::content::Rendered;
use http::StatusCode;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    subject: String,
    content: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<UnsubscribeHeaders>,
    tracking_settings: TrackingSettings,
}

#[derive(Debug, Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    custom_args: CustomArgs<'a>,
}

/// Comes back at the top of every event of this message.
#[derive(Debug, Serialize)]
struct CustomArgs<'a> {
    fanfare: &'a str,
}

#[derive(Debug, Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    r#type: &'static str,
    value: &'a str,
}

/// One-click unsubscribe (RFC 8058).
#[derive(Debug, Serialize)]
struct UnsubscribeHeaders {
    #[serde(rename = "List-Unsubscribe")]
    link: String,
    #[serde(rename = "List-Unsubscribe-Post")]
    post: &'static str,
}

/// Everything off, whatever the account's defaults are.
#[derive(Debug, Default, Serialize)]
struct TrackingSettings {
    click_tracking: ClickTracking,
    open_tracking: Tracking,
    subscription_tracking: Tracking,
}

#[derive(Debug, Default, Serialize)]
struct ClickTracking {
    enable: bool,
    enable_text: bool,
}

#[derive(Debug, Default, Serialize)]
struct Tracking {
    enable: bool,
}

pub(super) fn request<'a>(config: &'a Config, message: &'a Message) -> Result<Request<'a>, Fault> {
    let Rendered::Email(email) = &message.content else {
        return Err(Fault::content("the content is for another channel"));
    };
    let subject = one_line(&email.subject);
    if subject.is_empty() {
        return Err(Fault::content("the subject is empty"));
    }
    // SendGrid wants the plain text first, and no empty part.
    let content: Vec<Content<'_>> = [("text/plain", &email.text), ("text/html", &email.html)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(r#type, value)| Content { r#type, value })
        .collect();
    if content.is_empty() {
        return Err(Fault::content("the e-mail has neither text nor HTML"));
    }
    let address = |email: &'a str, name: Option<&str>| Address { email, name: name.map(one_line).filter(|name| !name.is_empty()) };
    Ok(Request {
        personalizations: [Personalization {
            to: [address(&message.to, message.to_name.as_deref())],
            custom_args: CustomArgs { fanfare: &message.correlation },
        }],
        from: address(&config.from, config.from_name.as_deref()),
        subject,
        content,
        headers: message
            .unsubscribe_url
            .as_deref()
            .map(|link| UnsubscribeHeaders { link: format!("<{}>", one_line(link)), post: "List-Unsubscribe=One-Click" }),
        tracking_settings: TrackingSettings::default(),
    })
}

/// The message's id in a `202`, which has an empty body. The header that holds the id is not in SendGrid's description: if
/// it is missing, our own correlation stands in for it.
pub(super) fn message_id(answer: &Answer, message: &Message) -> Option<String> {
    if answer.status != StatusCode::ACCEPTED {
        return None;
    }
    let header = answer.headers.get("x-message-id").and_then(|id| id.to_str().ok());
    match header.filter(|id| !id.is_empty()) {
        Some(id) => Some(id.to_owned()),
        None => answer.body.is_empty().then(|| message.correlation.clone()),
    }
}

/// SendGrid's error body: several complaints, of which the first decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub errors: Vec<Complaint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    pub message: Option<String>,
    /// What it is about, such as `personalizations.0.to.0.email`.
    pub field: Option<String>,
}
