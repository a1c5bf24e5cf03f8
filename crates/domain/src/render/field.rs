//! The texts that a template consists of, by name.

use crate::content::Network;
use std::fmt;

/// One text of a template's content. Its `Display` is the path that a caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    Fragment(String),
    EmailSubject,
    EmailPreheader,
    EmailHtml,
    EmailMjml,
    EmailLayout,
    EmailText,
    EmailFile(usize),
    SmsText,
    SmsMedia(usize),
    TwilioVariable(String),
    TwilioMapping(String),
    MetaHeaderImage,
    MetaBody(usize),
    MetaButton(u8),
    MetaMapping(String),
    MetaHeaderText,
    MetaNamed(String),
    /// A text within the components, by its place in them: `[0].parameters[1].text`.
    MetaComponent(String),
    WhatsappBody,
    WhatsappMedia,
    WhatsappLink,
    WhatsappButton(usize),
    PushTitle,
    PushBody,
    PushImage,
    PushLink,
    PushIcon,
    PushData(String),
    SocialText,
    SocialTextOn(Network),
    SocialMedia(usize),
    SocialAlt(usize),
    SocialLink,
    SocialLinkTitle,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fragment(name) => write!(f, "fragments.{name}"),
            Self::EmailSubject => f.write_str("email.subject"),
            Self::EmailPreheader => f.write_str("email.preheader"),
            Self::EmailHtml => f.write_str("email.html"),
            Self::EmailMjml => f.write_str("email.mjml"),
            Self::EmailLayout => f.write_str("email.layout"),
            Self::EmailText => f.write_str("email.text"),
            Self::EmailFile(index) => write!(f, "email.files[{index}]"),
            Self::SmsText => f.write_str("sms.text"),
            Self::SmsMedia(index) => write!(f, "sms.media_urls[{index}]"),
            Self::TwilioVariable(position) => write!(f, "whatsapp.twilio.variables.{position}"),
            Self::TwilioMapping(position) => write!(f, "whatsapp.twilio.mapping.{position}"),
            Self::MetaHeaderImage => f.write_str("whatsapp.meta.header_image_url"),
            Self::MetaBody(index) => write!(f, "whatsapp.meta.body[{index}]"),
            Self::MetaButton(index) => write!(f, "whatsapp.meta.url_buttons.{index}"),
            Self::MetaMapping(position) => write!(f, "whatsapp.meta.mapping.{position}"),
            Self::MetaHeaderText => f.write_str("whatsapp.meta.header_text"),
            Self::MetaNamed(name) => write!(f, "whatsapp.meta.named.{name}"),
            Self::MetaComponent(place) => write!(f, "whatsapp.meta.components{place}"),
            Self::WhatsappBody => f.write_str("whatsapp.body"),
            Self::WhatsappMedia => f.write_str("whatsapp.media_url"),
            Self::WhatsappLink => f.write_str("whatsapp.link"),
            Self::WhatsappButton(index) => write!(f, "whatsapp.buttons[{index}].value"),
            Self::PushTitle => f.write_str("push.title"),
            Self::PushBody => f.write_str("push.body"),
            Self::PushImage => f.write_str("push.image_url"),
            Self::PushLink => f.write_str("push.link"),
            Self::PushIcon => f.write_str("push.icon_url"),
            Self::PushData(key) => write!(f, "push.data.{key}"),
            Self::SocialText => f.write_str("social.text"),
            Self::SocialTextOn(network) => write!(f, "social.texts.{network}"),
            Self::SocialMedia(index) => write!(f, "social.media_urls[{index}]"),
            Self::SocialAlt(index) => write!(f, "social.alt_texts[{index}]"),
            Self::SocialLink => f.write_str("social.link"),
            Self::SocialLinkTitle => f.write_str("social.link_title"),
        }
    }
}

/// How much a field may hold once rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Characters(usize),
    Bytes(usize),
}

impl Limit {
    pub const fn number(self) -> usize {
        match self {
            Self::Characters(limit) | Self::Bytes(limit) => limit,
        }
    }

    pub const fn unit(self) -> &'static str {
        match self {
            Self::Characters(_) => "characters",
            Self::Bytes(_) => "bytes",
        }
    }

    /// Bytes that the text can have at most, so that writing can be cut off early.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Characters(limit) => limit * 4,
            Self::Bytes(limit) => limit,
        }
    }

    pub fn is_exceeded_by(self, text: &str) -> bool {
        match self {
            Self::Characters(limit) => text.chars().count() > limit,
            Self::Bytes(limit) => text.len() > limit,
        }
    }
}

impl Field {
    pub(super) const fn limit(&self) -> Limit {
        match self {
            Self::Fragment(_) => Limit::Bytes(64 * 1024),
            Self::EmailSubject | Self::EmailPreheader => Limit::Characters(super::MAX_SUBJECT_CHARACTERS),
            Self::EmailHtml | Self::EmailMjml | Self::EmailLayout | Self::EmailText => Limit::Bytes(super::MAX_EMAIL_BYTES),
            Self::SmsText => Limit::Characters(super::MAX_SMS_CHARACTERS),
            // A body of a WhatsApp template has 1,024 characters, its parameters included (Meta, "Message templates").
            Self::TwilioVariable(_)
            | Self::TwilioMapping(_)
            | Self::MetaBody(_)
            | Self::MetaMapping(_)
            | Self::MetaNamed(_)
            | Self::MetaComponent(_)
            | Self::WhatsappBody => Limit::Characters(1_024),
            Self::MetaHeaderImage
            | Self::MetaButton(_)
            | Self::WhatsappMedia
            | Self::WhatsappLink
            | Self::WhatsappButton(_)
            | Self::PushImage
            | Self::PushLink
            | Self::PushIcon
            | Self::SmsMedia(_)
            | Self::SocialLink
            | Self::SocialMedia(_) => Limit::Characters(2_000),
            // X, "CreateMediaMetadata": the least that a network takes.
            Self::SocialAlt(_) => Limit::Characters(1_000),
            Self::SocialLinkTitle => Limit::Characters(400),
            // Meta, "Message templates": a text header, its parameter included.
            Self::MetaHeaderText => Limit::Characters(60),
            Self::PushTitle => Limit::Characters(super::MAX_PUSH_TITLE_CHARACTERS),
            Self::EmailFile(_) => Limit::Characters(100),
            Self::PushBody | Self::PushData(_) => Limit::Bytes(super::MAX_PUSH_BYTES),
            Self::SocialText | Self::SocialTextOn(_) => Limit::Characters(super::MAX_SOCIAL_CHARACTERS),
        }
    }

    /// Whether the template's tags in it write HTML.
    pub(super) const fn is_html(&self) -> bool {
        matches!(self, Self::EmailHtml | Self::EmailMjml | Self::EmailLayout)
    }

    /// Whether it can name the message's own subject and the words of old layouts.
    pub(super) const fn is_part_of_email(&self) -> bool {
        self.is_html() || matches!(self, Self::EmailText)
    }
}
