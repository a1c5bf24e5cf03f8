//! A message as the sandbox accepted it: one line of the log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::behaviour::StepSet;

/// What the recipient receives it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
    Push,
    Social,
}

impl Channel {
    pub const ALL: [Channel; 5] = [Channel::Email, Channel::Sms, Channel::Whatsapp, Channel::Push, Channel::Social];

    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Whatsapp => "whatsapp",
            Channel::Push => "push",
            Channel::Social => "social",
        }
    }
}

/// Whose interface it came in through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Twilio,
    Sendgrid,
    Meta,
    Smtp,
    Fcm,
    Webpush,
    Facebook,
    Instagram,
    X,
    Linkedin,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Twilio => "twilio",
            Provider::Sendgrid => "sendgrid",
            Provider::Meta => "meta",
            Provider::Smtp => "smtp",
            Provider::Fcm => "fcm",
            Provider::Webpush => "webpush",
            Provider::Facebook => "facebook",
            Provider::Instagram => "instagram",
            Provider::X => "x",
            Provider::Linkedin => "linkedin",
        }
    }
}

/// The URLs of an e-mail that its recipient may fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    /// The open pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// The one rewritten link this recipient would click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click: Option<String>,
    /// For the one-click POST of RFC 8058.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<String>,
}

impl Links {
    pub fn is_empty(&self) -> bool {
        *self == Links::default()
    }
}

/// One accepted message to one recipient. `to` is canonical: `+E164` for phones, lower case for e-mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub at: String,
    pub channel: Channel,
    pub provider: Provider,
    pub to: String,
    pub from: String,
    /// The sender's own token, or empty.
    pub correlation: String,
    pub provider_message_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sid: Option<String>,
    /// Twilio's ContentVariables, or SendGrid's dynamic template data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    /// Meta's template or other message object, or SendGrid's template id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messaging_service_sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_callback: Option<String>,
    /// SendGrid's custom_args, which come back in every event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom_args: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Where an e-mail's recipient can go.
    #[serde(default, skip_serializing_if = "Links::is_empty")]
    pub links: Links,
    /// An e-mail's own `Message-ID`, without brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Where an e-mail comes back to: its envelope's sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_path: Option<String>,
    /// What became of an e-mail's DKIM signature: `pass`, `none`, or `fail` with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dkim: Option<String>,
    /// What will happen to it, in order.
    #[serde(default)]
    pub plays: StepSet,
    /// The provider's error code (or kind of bounce) if it is to fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_with: Option<String>,
}

impl Message {
    /// A message with its addresses and nothing in it yet.
    pub fn new(provider: Provider, channel: Channel, to: String, from: String) -> Self {
        Message {
            at: crate::clock::rfc3339(),
            channel,
            provider,
            to,
            from,
            correlation: String::new(),
            provider_message_id: String::new(),
            subject: None,
            text: None,
            html: None,
            content_sid: None,
            variables: None,
            template: None,
            media: Vec::new(),
            messaging_service_sid: None,
            status_callback: None,
            custom_args: Map::new(),
            categories: Vec::new(),
            links: Links::default(),
            message_id: None,
            return_path: None,
            dkim: None,
            plays: StepSet::default(),
            fails_with: None,
        }
    }
}

/// A line of the log: the message and its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logged {
    pub seq: u64,
    #[serde(flatten)]
    pub message: Message,
}
