//! What is written once and sent over several channels: a template's variants and their translations, before and after rendering.

mod email;
mod file;
mod locale;
mod push;
mod registered;
mod social;
mod variant;
mod whatsapp;

pub use email::EmailVariant;
pub use file::{EmailFile, MAX_FILES, MAX_FILES_BYTES, content_ids, media_type_of};
pub use locale::Locale;
pub(crate) use locale::choose as choose_language;
pub use push::{PushVariant, Urgency};
pub use registered::Registered;
pub use social::{Network, SocialVariant, is_video};
pub use variant::Variant;
pub use whatsapp::{
    ButtonKind, MediaKind, MetaTemplate, TwilioContent, WINDOW as WHATSAPP_WINDOW, WhatsappButton, WhatsappKind, WhatsappVariant,
    is_window_open,
};

use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// A template's content: shared fragments, one variant a channel, and what of it differs in other languages. All strings may hold
/// `{{ variable }}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateContent {
    /// Shared pieces of text, written once and used by every variant as `{{ fragments.name }}`.
    pub fragments: BTreeMap<String, String>,
    pub email: Option<EmailVariant>,
    pub sms: Option<SmsVariant>,
    pub whatsapp: Option<WhatsappVariant>,
    pub push: Option<PushVariant>,
    pub social: Option<SocialVariant>,
    /// The language that the content itself is written in, as a BCP 47 tag (`en`, `sr-Latn`); empty when nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locale: String,
    /// What happens when one of these variables (`first_name`, `attributes.tier`) has no value for a contact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, VariableRule>,
    /// What happens when any other variable has no value.
    #[serde(skip_serializing_if = "MissingPolicy::is_skip")]
    pub missing: MissingPolicy,
    /// By BCP 47 tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<String, Translation>,
}

/// What differs in another language. A text that is empty here is taken from the content itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Translation {
    pub fragments: BTreeMap<String, String>,
    pub variables: BTreeMap<String, VariableRule>,
    pub email: Option<EmailVariant>,
    pub sms: Option<SmsVariant>,
    pub whatsapp: Option<WhatsappVariant>,
    pub push: Option<PushVariant>,
    pub social: Option<SocialVariant>,
}

/// What is done about a variable that has no value and no `default` at its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingPolicy {
    /// The contact gets nothing on this channel; the delivery is suppressed with the reason `missing_variable`.
    #[default]
    Skip,
    /// Nothing stands in its place.
    Empty,
    /// The variable's own text. Where a whole template says so, variables without such a text are skipped.
    Default,
}

impl MissingPolicy {
    /// The signature is serde's.
    fn is_skip(&self) -> bool {
        *self == Self::Skip
    }
}

/// What happens when a variable has no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VariableRule {
    /// None: as the template says.
    pub missing: Option<MissingPolicy>,
    /// Stands in its place where the policy is [`MissingPolicy::Default`]. Plain text, without variables.
    pub default_text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmsVariant {
    /// May be empty when there are media.
    pub text: String,
    /// http(s) links to pictures or videos, in their order: an MMS, where there is such a thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media_urls: Vec<String>,
}

impl TemplateContent {
    /// The variants that there are.
    pub fn variants(&self) -> impl Iterator<Item = Variant> + '_ {
        Variant::ALL.into_iter().filter(|variant| self.has(*variant))
    }

    #[must_use]
    pub const fn has(&self, variant: Variant) -> bool {
        match variant {
            Variant::Email => self.email.is_some(),
            Variant::Sms => self.sms.is_some(),
            Variant::Whatsapp => self.whatsapp.is_some(),
            Variant::Push => self.push.is_some(),
            Variant::Social => self.social.is_some(),
        }
    }

    /// The channels that this template has a variant for.
    pub fn channels(&self) -> impl Iterator<Item = crate::Channel> + '_ {
        crate::Channel::ALL.into_iter().filter(|channel| self.has((*channel).into()))
    }

    /// The translation for a contact's locale: exactly it, else its language, else another region of its language. None: the
    /// content itself.
    #[must_use]
    pub fn translation_for(&self, locale: &str) -> Option<&str> {
        locale::choose(&self.locale, self.translations.keys().map(String::as_str), locale)
    }

    /// The whole content in one language; `None` is the content itself. The result has no translations.
    #[must_use]
    pub fn in_language(&self, translation: Option<&str>) -> Cow<'_, Self> {
        let Some((tag, translation)) = translation.and_then(|tag| self.translations.get_key_value(tag)) else {
            return if self.translations.is_empty() {
                Cow::Borrowed(self)
            } else {
                Cow::Owned(Self { translations: BTreeMap::new(), ..self.clone() })
            };
        };
        Cow::Owned(self.merged(tag, translation))
    }

    /// Names of the layouts that it uses, in any language.
    #[must_use]
    pub fn layouts(&self) -> BTreeSet<String> {
        let emails = self.email.iter().chain(self.translations.values().filter_map(|translation| translation.email.as_ref()));
        emails.map(|email| email.layout.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// Ids of the files that go along with its e-mails, in any language.
    #[must_use]
    pub fn file_ids(&self) -> BTreeSet<String> {
        let emails = self.email.iter().chain(self.translations.values().filter_map(|translation| translation.email.as_ref()));
        emails.flat_map(|email| &email.files).map(|file| file.id.clone()).collect()
    }

    /// Puts the HTML of its layouts in, by name, in place of what was there. A name that isn't among them gets none, which validation
    /// reports.
    pub fn set_layouts(&mut self, layouts: &BTreeMap<String, String>) {
        let translations = self.translations.values_mut().filter_map(|translation| translation.email.as_mut());
        for email in self.email.iter_mut().chain(translations) {
            email.layout_html = layouts.get(&email.layout).cloned().unwrap_or_default();
        }
    }

    /// Everything that is written in it, by its path (`email.subject`, `translations.ar.sms.text`), to be compared with another version.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        // A content is always JSON; one that weren't would have nothing to compare.
        let json = serde_json::to_value(self).unwrap_or_default();
        flatten(&json, String::new(), &mut texts);
        texts
    }

    fn merged(&self, tag: &str, translation: &Translation) -> Self {
        let mut merged = Self { translations: BTreeMap::new(), locale: tag.to_owned(), ..self.clone() };
        merged.fragments.extend(translation.fragments.clone());
        merged.variables.extend(translation.variables.clone());
        overlay(&mut merged.email, translation.email.as_ref(), EmailVariant::overlay);
        overlay(&mut merged.sms, translation.sms.as_ref(), SmsVariant::overlay);
        overlay(&mut merged.whatsapp, translation.whatsapp.as_ref(), WhatsappVariant::overlay);
        overlay(&mut merged.push, translation.push.as_ref(), PushVariant::overlay);
        overlay(&mut merged.social, translation.social.as_ref(), SocialVariant::overlay);
        merged
    }
}

impl SmsVariant {
    fn overlay(&mut self, from: &Self) {
        replace(&mut self.text, &from.text);
        if !from.media_urls.is_empty() {
            self.media_urls.clone_from(&from.media_urls);
        }
    }
}

fn flatten(value: &serde_json::Value, path: String, texts: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::String(text) if text.is_empty() => {}
        serde_json::Value::String(text) => drop(texts.insert(path, text.clone())),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(item, format!("{path}[{index}]"), texts));
        }
        serde_json::Value::Object(members) => {
            let dot = if path.is_empty() { "" } else { "." };
            members.iter().for_each(|(name, member)| flatten(member, format!("{path}{dot}{name}"), texts));
        }
        other => drop(texts.insert(path, other.to_string())),
    }
}

/// A variant that only a translation has is written down, and refused by validation.
fn overlay<T: Clone>(to: &mut Option<T>, from: Option<&T>, apply: impl FnOnce(&mut T, &T)) {
    match (to.as_mut(), from) {
        (Some(to), Some(from)) => apply(to, from),
        (None, Some(from)) => *to = Some(from.clone()),
        (_, None) => {}
    }
}

fn replace(to: &mut String, from: &str) {
    if !from.is_empty() {
        from.clone_into(to);
    }
}

/// A message rendered for one contact: what a provider is given, or a preview shows. Same shapes, no variables left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "a message has one, and is moved a few times")]
pub enum Rendered {
    /// Without MJML and layout: they are part of the HTML.
    Email(EmailVariant),
    Sms(SmsVariant),
    Whatsapp(WhatsappVariant),
    Push(PushVariant),
    /// With a text for each of its networks.
    Social(SocialVariant),
    /// No variant of a template: an answer in a conversation.
    Free(FreeMessage),
}

/// What a person or an assistant answers in a conversation, on whatever channel it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FreeMessage {
    pub text: String,
    /// http(s); empty for none.
    pub media_url: String,
    /// Of an e-mail alone.
    pub subject: String,
    /// The provider's id of the message that it answers; empty for none.
    pub in_reply_to: String,
}

// What is said in a conversation is nobody else's to read.
impl std::fmt::Debug for FreeMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreeMessage").field("characters", &self.text.chars().count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
