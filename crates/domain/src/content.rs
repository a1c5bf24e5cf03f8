//! What is written once and sent over several channels: a template's variants, before and after rendering.

use crate::Channel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A template's content: shared fragments, and one variant a channel. All strings may hold `{{ variable }}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateContent {
    /// Shared pieces of text, written once and used by every variant as `{{ fragments.name }}`.
    pub fragments: BTreeMap<String, String>,
    pub email: Option<EmailVariant>,
    pub sms: Option<SmsVariant>,
    pub whatsapp: Option<WhatsappVariant>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailVariant {
    pub subject: String,
    pub html: String,
    /// Plain text; empty means that it is made from the HTML.
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmsVariant {
    pub text: String,
}

/// WhatsApp takes only registered templates outside a conversation; which of the two is used depends on the sender's provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhatsappVariant {
    pub twilio: Option<TwilioContent>,
    pub meta: Option<MetaTemplate>,
}

/// A Twilio Content template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TwilioContent {
    /// `HX` and 32 hexadecimal digits.
    pub content_sid: String,
    /// Position ("1", "2", …) → text.
    pub variables: BTreeMap<String, String>,
}

/// A template registered with Meta.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaTemplate {
    pub name: String,
    /// Language code as registered: `en`, `en_US`, `ar`.
    pub language: String,
    /// An http(s) link to an image for the header; empty for none.
    pub header_image_url: String,
    /// The body's positional parameters, in order.
    pub body: Vec<String>,
    /// The changing end of each URL button, by button index.
    pub url_buttons: BTreeMap<u8, String>,
}

impl TemplateContent {
    /// The channels that this template has a variant for.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        Channel::ALL.into_iter().filter(|channel| match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms => self.sms.is_some(),
            Channel::Whatsapp => self.whatsapp.is_some(),
        })
    }
}

/// A variant rendered for one contact: what a provider is given. Same shapes, no variables left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    Email(EmailVariant),
    Sms(SmsVariant),
    Whatsapp(WhatsappVariant),
}
