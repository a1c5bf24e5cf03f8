//! The texts that a template consists of, by name.

use std::fmt;

/// One text of a template's content. Its `Display` is the path that a caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    Fragment(String),
    EmailSubject,
    EmailHtml,
    EmailText,
    SmsText,
    TwilioVariable(String),
    MetaHeaderImage,
    MetaBody(usize),
    MetaButton(u8),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fragment(name) => write!(f, "fragments.{name}"),
            Self::EmailSubject => f.write_str("email.subject"),
            Self::EmailHtml => f.write_str("email.html"),
            Self::EmailText => f.write_str("email.text"),
            Self::SmsText => f.write_str("sms.text"),
            Self::TwilioVariable(position) => write!(f, "whatsapp.twilio.variables.{position}"),
            Self::MetaHeaderImage => f.write_str("whatsapp.meta.header_image_url"),
            Self::MetaBody(index) => write!(f, "whatsapp.meta.body[{index}]"),
            Self::MetaButton(index) => write!(f, "whatsapp.meta.url_buttons.{index}"),
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
            Self::EmailSubject => Limit::Characters(super::MAX_SUBJECT_CHARACTERS),
            Self::EmailHtml | Self::EmailText => Limit::Bytes(super::MAX_EMAIL_BYTES),
            Self::SmsText => Limit::Characters(super::MAX_SMS_CHARACTERS),
            // A body of a WhatsApp template has 1,024 characters, its parameters included (Meta, "Message templates").
            Self::TwilioVariable(_) | Self::MetaBody(_) => Limit::Characters(1_024),
            Self::MetaHeaderImage | Self::MetaButton(_) => Limit::Characters(2_000),
        }
    }
}
