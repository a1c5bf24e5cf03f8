//! SendGrid's request and answer, as they are on the wire.

use super::{Config, frame::Frame};
use crate::http_client::Answer;
use crate::settings::one_line;
use crate::{Fault, Message, message::is_message_id};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::content::Rendered;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    personalizations: Vec<Personalization<'a>>,
    from: Address<'a>,
    subject: Cow<'a, str>,
    content: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asm: Option<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_settings: Option<MailSettings>,
    tracking_settings: TrackingSettings,
}

#[derive(Debug, Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    /// Unless all have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
    /// What stands in this message where the content has a tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    substitutions: BTreeMap<&'a str, &'a str>,
    custom_args: CustomArgs<'a>,
}

/// Comes back at the top of every event of this message.
#[derive(Debug, Serialize)]
struct CustomArgs<'a> {
    fanfare: &'a str,
    /// Its place in a call that carries several: SendGrid has one id for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    fanfare_n: Option<String>,
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

#[derive(Debug, Serialize)]
struct Headers {
    /// One-click unsubscribe (RFC 8058).
    #[serde(rename = "List-Unsubscribe", skip_serializing_if = "Option::is_none")]
    unsubscribe: Option<String>,
    #[serde(rename = "List-Unsubscribe-Post", skip_serializing_if = "Option::is_none")]
    unsubscribe_post: Option<&'static str>,
    /// Of an answer.
    #[serde(rename = "In-Reply-To", skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<String>,
    #[serde(rename = "References", skip_serializing_if = "Option::is_none")]
    references: Option<String>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    /// In base64.
    content: String,
    r#type: &'a str,
    filename: &'a str,
    disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

/// The group that an unsubscribe at SendGrid is for.
#[derive(Debug, Serialize)]
struct Group {
    group_id: u32,
}

#[derive(Debug, Serialize)]
struct MailSettings {
    /// Everything is checked, and nothing is sent.
    sandbox_mode: Tracking,
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

/// A message with nothing in it that SendGrid would refuse for its form.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub message: &'a Message,
    pub subject: String,
    pub text: &'a str,
    pub html: &'a str,
    in_reply_to: &'a str,
}

impl<'a> Letter<'a> {
    pub(super) fn of(message: &'a Message) -> Result<Self, Fault> {
        let (subject, text, html, in_reply_to) = match &message.content {
            Rendered::Email(email) => (&email.subject, email.text.as_str(), email.html.as_str(), ""),
            Rendered::Free(answer) => (&answer.subject, answer.text.as_str(), "", answer.in_reply_to.as_str()),
            _ => return Err(Fault::content("the content is for another channel")),
        };
        let subject = one_line(subject);
        if subject.is_empty() {
            return Err(Fault::content("the subject is empty"));
        }
        if text.is_empty() && html.is_empty() {
            return Err(Fault::content("the e-mail has neither text nor HTML"));
        }
        Ok(Self { message, subject, text, html, in_reply_to })
    }

    fn headers(&self) -> Option<Headers> {
        let link = self.message.unsubscribe_url.as_deref().map(|link| format!("<{}>", one_line(link)));
        let reply = Some(self.in_reply_to).filter(|id| !id.is_empty() && id.is_ascii());
        let reply = reply.map(|id| format!("<{}>", one_line(id).trim_matches(['<', '>'])));
        (link.is_some() || reply.is_some()).then(|| Headers {
            unsubscribe_post: link.is_some().then_some("List-Unsubscribe=One-Click"),
            unsubscribe: link,
            references: reply.clone(),
            in_reply_to: reply,
        })
    }

    fn personalization(&self) -> Personalization<'_> {
        Personalization {
            to: [address(&self.message.to, self.message.to_name.as_deref())],
            subject: None,
            headers: None,
            substitutions: BTreeMap::new(),
            custom_args: CustomArgs { fanfare: &self.message.correlation, fanfare_n: None },
        }
    }
}

fn address<'a>(email: &'a str, name: Option<&str>) -> Address<'a> {
    Address { email, name: name.map(one_line).filter(|name| !name.is_empty()) }
}

/// The request that carries one message.
pub(super) fn single<'a>(config: &'a Config, letter: &'a Letter<'a>) -> Request<'a> {
    let mut request = request(config, letter, letter.text, letter.html);
    request.headers = letter.headers();
    request.personalizations.push(letter.personalization());
    request
}

/// A request that sends nothing: whether SendGrid would take one from this account.
pub(super) fn test<'a>(config: &'a Config, letter: &'a Letter<'a>) -> Request<'a> {
    Request { mail_settings: Some(MailSettings { sandbox_mode: Tracking { enable: true } }), ..single(config, letter) }
}

/// The request that carries several, with a frame that all of them fit into.
pub(super) fn several<'a>(config: &'a Config, letters: &[&'a Letter<'a>], frame: &'a Frame<'a>) -> Option<Request<'a>> {
    let mut request = request(config, letters.first()?, &frame.text, &frame.html);
    for (n, (letter, values)) in letters.iter().zip(&frame.values).enumerate() {
        let mut own = letter.personalization();
        own.subject = Some(&letter.subject);
        own.headers = letter.headers();
        own.custom_args.fanfare_n = Some(n.to_string());
        own.substitutions = frame.tags.iter().map(String::as_str).zip(values.iter().copied()).collect();
        request.personalizations.push(own);
    }
    Some(request)
}

fn request<'a>(config: &'a Config, first: &'a Letter<'a>, text: &'a str, html: &'a str) -> Request<'a> {
    // SendGrid wants the plain text first, and no empty part.
    let content = [("text/plain", text), ("text/html", html)].into_iter().filter(|(_, value)| !value.is_empty());
    Request {
        personalizations: Vec::new(),
        from: address(&config.from, config.from_name.as_deref()),
        subject: Cow::Borrowed(&first.subject),
        content: content.map(|(r#type, value)| Content { r#type, value }).collect(),
        headers: None,
        attachments: first.message.attachments.iter().map(file).collect(),
        asm: config.unsubscribe_group.map(|group_id| Group { group_id }),
        mail_settings: None,
        tracking_settings: TrackingSettings::default(),
    }
}

fn file(file: &crate::Attachment) -> File<'_> {
    File {
        content: STANDARD.encode(&file.bytes),
        r#type: &file.media_type,
        filename: &file.name,
        disposition: if file.content_id.is_some() { "inline" } else { "attachment" },
        content_id: file.content_id.as_deref(),
    }
}

/// The id in a `202`, which has an empty body. The header that holds the id is not in SendGrid's description: `Some("")` says that it is
/// missing from an answer that is a yes all the same.
pub(super) fn message_id(answer: &Answer) -> Option<String> {
    if answer.status != StatusCode::ACCEPTED {
        return None;
    }
    let header = answer.headers.get("x-message-id").and_then(|id| id.to_str().ok());
    match header.filter(|id| !id.is_empty() && is_message_id(id)) {
        Some(id) => Some(id.to_owned()),
        None => answer.body.is_empty().then(String::new),
    }
}

/// What the hub calls one message of a call: [`super::webhook`] makes the same of its reports.
pub(super) fn id_of(call: &str, n: &str) -> String {
    format!("{call}#{n}")
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
