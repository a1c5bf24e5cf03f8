//! The variant for WhatsApp, whose messages outside a conversation are templates registered with a provider.

use super::replace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};
use url::Url;

/// How long after a person's last message free text may be sent to them (Meta, error 131047; Twilio, error 63016). Outside of it only
/// registered templates are.
pub const WINDOW: Duration = Duration::hours(24);

/// Whether free text may be sent to somebody who wrote last at this time.
#[must_use]
pub fn is_window_open(last_inbound_at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    last_inbound_at.is_some_and(|at| now < at + WINDOW)
}

/// WhatsApp takes only registered templates outside a conversation; which of the two is used depends on the sender's provider.
///
/// `body`, `media_url`, `link` and `buttons` are what a mapping draws from ([`TwilioContent::mapping`], [`MetaTemplate::mapping`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhatsappVariant {
    pub twilio: Option<TwilioContent>,
    pub meta: Option<MetaTemplate>,
    #[serde(skip_serializing_if = "WhatsappKind::is_text")]
    pub kind: WhatsappKind,
    /// The source `message_body`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The sources `media_url` and `media_path`; http(s).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_url: String,
    /// The source `shortlink`; http(s).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// The sources `button_1_url`, `button_2_url`, …; in the order in which they are registered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<WhatsappButton>,
    /// What `media_url` is; None: as the ending of its path says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_kind: Option<MediaKind>,
    /// The name under which a document arrives, as it is: without variables.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_name: String,
}

/// What a header shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Image,
    Video,
    Document,
}

impl MediaKind {
    /// What a link leads to, as the ending of its path says; a picture where it says nothing.
    #[must_use]
    pub fn of_link(link: &str) -> Self {
        let path = Url::parse(link).map(|url| url.path().to_ascii_lowercase()).unwrap_or_default();
        match path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("mp4" | "3gp" | "mov") => Self::Video,
            Some("pdf" | "doc" | "docx" | "xls" | "xlsx" | "ppt" | "pptx" | "txt" | "csv") => Self::Document,
            _ => Self::Image,
        }
    }

    /// As Meta's API and stored contents call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

/// The form of a registered template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhatsappKind {
    #[default]
    Text,
    /// A picture, a video or a document with text. Mapped 1 = media path, 2 = name, 3 = body, 4 = short link unless it says otherwise.
    Media,
    /// Header media, a body and call-to-action buttons. Mapped 1 = media path, 2 = body, 3, 4, … = the buttons' links unless it says
    /// otherwise.
    Card,
}

impl WhatsappKind {
    /// The signature is serde's.
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// A button of a registered template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhatsappButton {
    pub kind: ButtonKind,
    /// What stands on it, as registered; for previews.
    pub text: String,
    /// Of a URL button: the link, or the changing end of it, as registered. Of a copy button: the code. Of a quick reply: what comes back.
    pub value: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    #[default]
    Url,
    QuickReply,
    /// Calls a number that is part of the registered template.
    Phone,
    CopyCode,
}

/// A Twilio Content template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TwilioContent {
    /// `HX` and 32 hexadecimal digits.
    pub content_sid: String,
    /// Position ("1", "2", …) → text.
    pub variables: BTreeMap<String, String>,
    /// Instead of `variables`: position → source (`media_url`, `media_path`, `recipient_name`, `message_body`, `shortlink`, `button_N_url`,
    /// `static:text`, a field of the contact, `attributes.x`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<String, String>,
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
    /// Instead of `body`: position → source, as in [`TwilioContent::mapping`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<String, String>,
    /// Instead of all parameters above: the `components` of Meta's API, whose strings may hold variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<serde_json::Value>,
    /// The parameter of a header that is a text; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_text: String,
    /// Instead of `body`, for a template whose parameters have names: name → text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, String>,
    /// When a limited-time offer ends, in milliseconds since 1970; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub offer_ends_ms: i64,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`, as registered; empty: as the provider says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// Media that the provider has already, by link: sent by these ids instead. Never stored.
    #[serde(skip)]
    pub media_ids: BTreeMap<String, String>,
}

/// The signature is serde's.
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl WhatsappVariant {
    pub(super) fn overlay(&mut self, from: &Self) {
        replace(&mut self.body, &from.body);
        replace(&mut self.media_url, &from.media_url);
        replace(&mut self.link, &from.link);
        if !from.buttons.is_empty() {
            self.buttons.clone_from(&from.buttons);
        }
        self.media_kind = from.media_kind.or(self.media_kind);
        replace(&mut self.media_name, &from.media_name);
        match (self.twilio.as_mut(), &from.twilio) {
            (Some(to), Some(from)) => to.overlay(from),
            (None, Some(from)) => self.twilio = Some(from.clone()),
            (_, None) => {}
        }
        match (self.meta.as_mut(), &from.meta) {
            (Some(to), Some(from)) => to.overlay(from),
            (None, Some(from)) => self.meta = Some(from.clone()),
            (_, None) => {}
        }
    }
}

impl TwilioContent {
    fn overlay(&mut self, from: &Self) {
        replace(&mut self.content_sid, &from.content_sid);
        if !from.variables.is_empty() || !from.mapping.is_empty() {
            self.variables.clone_from(&from.variables);
            self.mapping.clone_from(&from.mapping);
        }
    }
}

impl MetaTemplate {
    fn overlay(&mut self, from: &Self) {
        replace(&mut self.name, &from.name);
        replace(&mut self.language, &from.language);
        replace(&mut self.header_image_url, &from.header_image_url);
        if !from.body.is_empty() || !from.mapping.is_empty() || !from.named.is_empty() {
            self.named.clone_from(&from.named);
            self.body.clone_from(&from.body);
            self.mapping.clone_from(&from.mapping);
        }
        if !from.url_buttons.is_empty() {
            self.url_buttons.clone_from(&from.url_buttons);
        }
        replace(&mut self.header_text, &from.header_text);
        replace(&mut self.category, &from.category);
        if from.offer_ends_ms != 0 {
            self.offer_ends_ms = from.offer_ends_ms;
        }
        if from.components.is_some() {
            self.components.clone_from(&from.components);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_has_a_day() {
        let wrote = OffsetDateTime::UNIX_EPOCH;
        assert!(is_window_open(Some(wrote), wrote + WINDOW - Duration::SECOND));
        assert!(!is_window_open(Some(wrote), wrote + WINDOW));
        assert!(!is_window_open(None, wrote));
    }

    #[test]
    fn what_the_provider_keeps_is_no_part_of_a_content() {
        let media_ids = [("https://x.example/a.jpg".to_owned(), "7".to_owned())].into();
        let meta = MetaTemplate { media_ids, ..MetaTemplate::default() };
        assert_eq!(serde_json::to_value(&meta).unwrap(), serde_json::to_value(MetaTemplate::default()).unwrap());
    }
}
