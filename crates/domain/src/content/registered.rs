//! What a content refers to that its providers keep: registered templates, and files.

use super::{MetaTemplate, TemplateContent};
use std::collections::BTreeSet;

/// A template that a provider keeps, as a content names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registered {
    Twilio { content_sid: String },
    Meta { name: String, language: String },
}

impl Registered {
    /// The slug of the provider that keeps it.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match self {
            Self::Twilio { .. } => "twilio",
            Self::Meta { .. } => "meta",
        }
    }
}

impl TemplateContent {
    /// The registered templates that it is sent by, in all its languages.
    #[must_use]
    pub fn registered(&self) -> BTreeSet<Registered> {
        let languages = std::iter::once(None).chain(self.translations.keys().map(|tag| Some(tag.as_str())));
        let mut found = BTreeSet::new();
        for language in languages {
            let content = self.in_language(language);
            let Some(variant) = &content.whatsapp else { continue };
            found.extend(variant.twilio.iter().map(|twilio| Registered::Twilio { content_sid: twilio.content_sid.clone() }));
            found.extend(variant.meta.iter().map(|meta| Registered::Meta { name: meta.name.clone(), language: meta.language.clone() }));
        }
        found
    }
}

impl MetaTemplate {
    /// Links to pictures, videos and documents, each once.
    #[must_use]
    pub fn media_links(&self) -> BTreeSet<String> {
        let mut links = BTreeSet::new();
        if !self.header_image_url.is_empty() {
            links.insert(self.header_image_url.clone());
        }
        self.components.iter().for_each(|components| collect_links(components, &mut links));
        links
    }
}

/// Media are objects with a `link` (Meta's API, "Template messages").
fn collect_links(value: &serde_json::Value, links: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_links(item, links)),
        serde_json::Value::Object(members) => {
            links.extend(members.get("link").and_then(serde_json::Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_links(member, links));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Translation, WhatsappVariant};

    #[test]
    fn media_are_found_by_their_links() {
        let components =
            serde_json::json!([{"type": "header", "parameters": [{"type": "video", "video": {"link": "https://x.example/v"}}]}]);
        let meta = MetaTemplate { header_image_url: "https://x.example/p".into(), components: Some(components), ..MetaTemplate::default() };
        assert_eq!(meta.media_links(), ["https://x.example/p", "https://x.example/v"].map(str::to_owned).into());
    }

    #[test]
    fn translations_have_registered_templates_of_their_own() {
        let of = |name: &str, language: &str| {
            let meta = MetaTemplate { name: name.into(), language: language.into(), ..MetaTemplate::default() };
            Some(WhatsappVariant { meta: Some(meta), ..WhatsappVariant::default() })
        };
        let mut content = TemplateContent { whatsapp: of("sale", "en"), ..TemplateContent::default() };
        let arabic = Translation { whatsapp: of("", "ar"), ..Translation::default() };
        content.translations.insert("ar".into(), arabic);
        let registered = |language: &str| Registered::Meta { name: "sale".into(), language: language.into() };
        assert_eq!(content.registered(), [registered("en"), registered("ar")].into());
    }
}
