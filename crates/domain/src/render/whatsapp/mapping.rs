//! Where the parameters of a registered template come from: position → source.

use crate::{
    content::{MetaTemplate, TwilioContent, WhatsappKind, WhatsappVariant},
    render::context::NAMES,
};
use std::{collections::BTreeMap, fmt};

/// Buttons of a template at most (Meta, "Message templates").
pub const MAX_BUTTONS: usize = 10;

/// What a position is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    MediaUrl,
    /// The media's link without its scheme and host, for templates that have these registered.
    MediaPath,
    RecipientName,
    MessageBody,
    Shortlink,
    /// The value of a button, from 1.
    ButtonUrl(usize),
    Static(String),
    /// A field of the contact.
    Contact(String),
    Attribute(String),
}

/// The text names no source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSource;

impl fmt::Display for UnknownSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = "media_url, media_path, recipient_name, message_body, shortlink, button_1_url, static:TEXT";
        write!(f, "use one of {own}, {}, attributes.NAME", NAMES.join(", "))
    }
}

impl Source {
    /// # Errors
    /// When the text names no source.
    pub fn parse(text: &str) -> Result<Self, UnknownSource> {
        if let Some(text) = text.strip_prefix("static:") {
            return Ok(Self::Static(text.to_owned()));
        }
        let text = text.trim();
        Ok(match text {
            "media_url" => Self::MediaUrl,
            "media_path" => Self::MediaPath,
            "recipient_name" => Self::RecipientName,
            "message_body" => Self::MessageBody,
            "shortlink" => Self::Shortlink,
            name if NAMES.contains(&name) => Self::Contact(name.to_owned()),
            other => return button(other).or_else(|| attribute(other)).ok_or(UnknownSource),
        })
    }

    /// The template text that gives its value; empty for what is a part of the variant.
    pub fn template(&self) -> String {
        match self {
            Self::RecipientName => "{{ name }}".to_owned(),
            Self::Contact(name) => format!("{{{{ {name} }}}}"),
            Self::Attribute(name) => format!("{{{{ attributes['{name}'] }}}}"),
            _ => String::new(),
        }
    }

    /// Whether the variant has what it names.
    pub fn is_written(&self, variant: &WhatsappVariant) -> bool {
        match self {
            Self::MediaUrl | Self::MediaPath => !variant.media_url.is_empty(),
            Self::MessageBody => !variant.body.is_empty(),
            Self::Shortlink => !variant.link.is_empty(),
            Self::ButtonUrl(number) => variant.buttons.get(number - 1).is_some_and(|button| !button.value.is_empty()),
            Self::Static(text) => !text.trim().is_empty(),
            Self::RecipientName | Self::Contact(_) | Self::Attribute(_) => true,
        }
    }
}

fn button(text: &str) -> Option<Source> {
    let number = text.strip_prefix("button_")?.strip_suffix("_url")?.parse().ok()?;
    (1..=MAX_BUTTONS).contains(&number).then_some(Source::ButtonUrl(number))
}

fn attribute(text: &str) -> Option<Source> {
    let name = text.strip_prefix("attributes.")?;
    let fits = !name.is_empty() && !name.contains(['\'', '"', '\\', '{', '}', '%', '\n', '\r']);
    fits.then(|| Source::Attribute(name.to_owned()))
}

/// The mapping in force, by position; what can't be read is left out, validation names it.
pub fn of_twilio(variant: &WhatsappVariant, twilio: &TwilioContent) -> Vec<(String, Source)> {
    if !twilio.mapping.is_empty() {
        return read(&twilio.mapping);
    }
    if !twilio.variables.is_empty() {
        return Vec::new();
    }
    let sources = match variant.kind {
        WhatsappKind::Text => Vec::new(),
        WhatsappKind::Media => vec![Source::MediaPath, Source::RecipientName, Source::MessageBody, Source::Shortlink],
        WhatsappKind::Card => {
            [Source::MediaPath, Source::MessageBody].into_iter().chain((1..=variant.buttons.len()).map(Source::ButtonUrl)).collect()
        }
    };
    numbered(variant, sources)
}

/// The mapping of the body's parameters; header media and buttons have places of their own there.
pub fn of_meta(variant: &WhatsappVariant, meta: &MetaTemplate) -> Vec<(String, Source)> {
    if !meta.mapping.is_empty() {
        return read(&meta.mapping);
    }
    if !meta.body.is_empty() || !meta.named.is_empty() || meta.components.is_some() {
        return Vec::new();
    }
    let sources = match variant.kind {
        WhatsappKind::Text => Vec::new(),
        WhatsappKind::Media => vec![Source::RecipientName, Source::MessageBody, Source::Shortlink],
        WhatsappKind::Card => vec![Source::MessageBody],
    };
    numbered(variant, sources)
}

fn read(mapping: &BTreeMap<String, String>) -> Vec<(String, Source)> {
    let mut read: Vec<_> = mapping.iter().filter_map(|(position, text)| Some((position.clone(), Source::parse(text).ok()?))).collect();
    read.sort_by_key(|(position, _)| position.parse::<usize>().unwrap_or(usize::MAX));
    read
}

/// Numbered from 1; a default ends where the variant has nothing more to give.
fn numbered(variant: &WhatsappVariant, mut sources: Vec<Source>) -> Vec<(String, Source)> {
    while sources.last().is_some_and(|last| !last.is_written(variant)) {
        sources.pop();
    }
    sources.into_iter().enumerate().map(|(index, source)| ((index + 1).to_string(), source)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        for (text, expected) in [
            ("media_url", Source::MediaUrl),
            ("media_path", Source::MediaPath),
            ("recipient_name", Source::RecipientName),
            ("message_body", Source::MessageBody),
            ("shortlink", Source::Shortlink),
            ("button_1_url", Source::ButtonUrl(1)),
            ("button_10_url", Source::ButtonUrl(10)),
            ("static: hello ", Source::Static(" hello ".into())),
            ("static:", Source::Static(String::new())),
            (" city ", Source::Contact("city".into())),
            ("attributes.loyalty tier", Source::Attribute("loyalty tier".into())),
        ] {
            assert_eq!(Source::parse(text), Ok(expected), "{text:?}");
        }
        for text in ["", "tier", "button_0_url", "button_11_url", "button_x_url", "attributes.", "attributes.a'b", "{{ name }}"] {
            assert_eq!(Source::parse(text), Err(UnknownSource), "{text:?}");
        }
    }
}
