//! A template's content, both ways.
//!
//! What has no counterpart in the domain becomes something that validation refuses and names, so that reading can't fail: a button index
//! that is too high is kept as one that doesn't exist, JSON that can't be read as a JSON string.

use crate::template;
use domain::{
    content::{
        EmailFile, EmailVariant, MissingPolicy, Network, SmsVariant, SocialVariant, TemplateContent, Translation, VariableRule, Variant,
    },
    render::{ContentProblem, Severity},
};
use std::collections::{BTreeMap, HashMap};

/// The variant of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn content_variant(number: i32) -> Option<Variant> {
    match template::ContentVariant::try_from(number).ok()? {
        template::ContentVariant::Unspecified => None,
        template::ContentVariant::Email => Some(Variant::Email),
        template::ContentVariant::Sms => Some(Variant::Sms),
        template::ContentVariant::Whatsapp => Some(Variant::Whatsapp),
        template::ContentVariant::Push => Some(Variant::Push),
        template::ContentVariant::Social => Some(Variant::Social),
    }
}

/// The number of an enum field.
#[must_use]
pub fn content_variant_number(variant: Variant) -> i32 {
    let variant = match variant {
        Variant::Email => template::ContentVariant::Email,
        Variant::Sms => template::ContentVariant::Sms,
        Variant::Whatsapp => template::ContentVariant::Whatsapp,
        Variant::Push => template::ContentVariant::Push,
        Variant::Social => template::ContentVariant::Social,
    };
    variant.into()
}

impl From<template::Content> for TemplateContent {
    fn from(content: template::Content) -> Self {
        Self {
            fragments: content.fragments.into_iter().collect(),
            email: content.email.map(Into::into),
            sms: content.sms.map(Into::into),
            whatsapp: content.whatsapp.map(Into::into),
            push: content.push.map(Into::into),
            social: content.social.map(Into::into),
            locale: content.locale,
            variables: rules(content.variables),
            missing: policy(content.missing).unwrap_or_default(),
            translations: content.translations.into_iter().map(|(tag, translation)| (tag, translation.into())).collect(),
        }
    }
}

impl From<TemplateContent> for template::Content {
    fn from(content: TemplateContent) -> Self {
        Self {
            fragments: content.fragments.into_iter().collect(),
            email: content.email.map(Into::into),
            sms: content.sms.map(Into::into),
            whatsapp: content.whatsapp.map(Into::into),
            push: content.push.map(Into::into),
            social: content.social.map(Into::into),
            locale: content.locale,
            variables: written_rules(content.variables),
            missing: policy_number(Some(content.missing)),
            translations: content.translations.into_iter().map(|(tag, translation)| (tag, translation.into())).collect(),
        }
    }
}

impl From<template::Translation> for Translation {
    fn from(translation: template::Translation) -> Self {
        Self {
            fragments: translation.fragments.into_iter().collect(),
            variables: rules(translation.variables),
            email: translation.email.map(Into::into),
            sms: translation.sms.map(Into::into),
            whatsapp: translation.whatsapp.map(Into::into),
            push: translation.push.map(Into::into),
            social: translation.social.map(Into::into),
        }
    }
}

impl From<Translation> for template::Translation {
    fn from(translation: Translation) -> Self {
        Self {
            fragments: translation.fragments.into_iter().collect(),
            variables: written_rules(translation.variables),
            email: translation.email.map(Into::into),
            sms: translation.sms.map(Into::into),
            whatsapp: translation.whatsapp.map(Into::into),
            push: translation.push.map(Into::into),
            social: translation.social.map(Into::into),
        }
    }
}

fn policy(number: i32) -> Option<MissingPolicy> {
    match template::MissingPolicy::try_from(number).ok()? {
        template::MissingPolicy::Unspecified => None,
        template::MissingPolicy::Skip => Some(MissingPolicy::Skip),
        template::MissingPolicy::Empty => Some(MissingPolicy::Empty),
        template::MissingPolicy::Default => Some(MissingPolicy::Default),
    }
}

fn policy_number(policy: Option<MissingPolicy>) -> i32 {
    let policy = match policy {
        None => template::MissingPolicy::Unspecified,
        Some(MissingPolicy::Skip) => template::MissingPolicy::Skip,
        Some(MissingPolicy::Empty) => template::MissingPolicy::Empty,
        Some(MissingPolicy::Default) => template::MissingPolicy::Default,
    };
    policy.into()
}

fn rules(rules: HashMap<String, template::VariableRule>) -> BTreeMap<String, VariableRule> {
    let rule = |rule: template::VariableRule| VariableRule { missing: policy(rule.missing), default_text: rule.default_text };
    rules.into_iter().map(|(name, written)| (name, rule(written))).collect()
}

fn written_rules(rules: BTreeMap<String, VariableRule>) -> HashMap<String, template::VariableRule> {
    let write = |rule: VariableRule| template::VariableRule { missing: policy_number(rule.missing), default_text: rule.default_text };
    rules.into_iter().map(|(name, rule)| (name, write(rule))).collect()
}

impl From<template::EmailVariant> for EmailVariant {
    fn from(v: template::EmailVariant) -> Self {
        Self {
            subject: v.subject,
            html: v.html,
            text: v.text,
            preheader: v.preheader,
            mjml: v.mjml,
            layout: v.layout,
            layout_html: v.layout_html,
            files: v.files.into_iter().map(|file| EmailFile { id: file.attachment_id, content_id: file.content_id }).collect(),
        }
    }
}

impl From<EmailVariant> for template::EmailVariant {
    fn from(v: EmailVariant) -> Self {
        Self {
            subject: v.subject,
            html: v.html,
            text: v.text,
            preheader: v.preheader,
            mjml: v.mjml,
            layout: v.layout,
            layout_html: v.layout_html,
            files: v.files.into_iter().map(|file| template::EmailFile { attachment_id: file.id, content_id: file.content_id }).collect(),
        }
    }
}

impl From<template::SmsVariant> for SmsVariant {
    fn from(v: template::SmsVariant) -> Self {
        Self { text: v.text, media_urls: v.media_urls }
    }
}

impl From<SmsVariant> for template::SmsVariant {
    fn from(v: SmsVariant) -> Self {
        Self { text: v.text, media_urls: v.media_urls }
    }
}

fn network(number: i32) -> Option<Network> {
    match template::SocialNetwork::try_from(number).ok()? {
        template::SocialNetwork::Unspecified => None,
        template::SocialNetwork::Facebook => Some(Network::Facebook),
        template::SocialNetwork::Instagram => Some(Network::Instagram),
        template::SocialNetwork::X => Some(Network::X),
        template::SocialNetwork::Linkedin => Some(Network::Linkedin),
    }
}

fn network_number(network: Network) -> i32 {
    let network = match network {
        Network::Facebook => template::SocialNetwork::Facebook,
        Network::Instagram => template::SocialNetwork::Instagram,
        Network::X => template::SocialNetwork::X,
        Network::Linkedin => template::SocialNetwork::Linkedin,
    };
    network.into()
}

impl From<template::SocialVariant> for SocialVariant {
    fn from(v: template::SocialVariant) -> Self {
        Self {
            text: v.text,
            media_urls: v.media_urls,
            networks: v.networks.into_iter().filter_map(network).collect(),
            texts: v.texts.into_iter().filter_map(|own| Some((network(own.network)?, own.text))).collect(),
            alt_texts: v.alt_texts,
            link: v.link,
            link_title: v.link_title,
        }
    }
}

impl From<SocialVariant> for template::SocialVariant {
    fn from(v: SocialVariant) -> Self {
        let own = |(network, text)| template::SocialText { network: network_number(network), text };
        Self {
            text: v.text,
            media_urls: v.media_urls,
            networks: v.networks.into_iter().map(network_number).collect(),
            texts: v.texts.into_iter().map(own).collect(),
            alt_texts: v.alt_texts,
            link: v.link,
            link_title: v.link_title,
        }
    }
}

impl From<ContentProblem> for template::ContentProblem {
    fn from(problem: ContentProblem) -> Self {
        let severity = match problem.severity {
            Severity::Error => template::content_problem::Severity::Error,
            Severity::Warning => template::content_problem::Severity::Warning,
        };
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            severity: severity.into(),
            variant: problem.variant.map_or(0, content_variant_number),
            locale: problem.locale,
            field: problem.field,
            line: number(problem.line),
            column: number(problem.column),
            message: problem.message,
            remedy: problem.remedy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::content::MetaTemplate;
    use serde_json::json;

    #[test]
    fn a_content_survives_the_wire() {
        let translation = json!({
            "fragments": {"a": "b"}, "variables": {"city": {"missing": "empty", "default_text": ""}}, "email": {"subject": "s"},
            "sms": {"text": "t"}, "whatsapp": {"kind": "card"}, "push": {"title": "t"}, "social": {"text": "t"}
        });
        let content = json!({
            "fragments": {"offer": "20%"},
            "email": {"subject": "s", "html": "h", "text": "t", "preheader": "p", "mjml": "m", "layout": "l", "layout_html": "%BODY%"},
            "sms": {"text": "t"},
            "whatsapp": {
                "kind": "media", "body": "b", "media_url": "m", "link": "l",
                "buttons": [
                    {"kind": "url", "text": "t", "value": "v"}, {"kind": "quick_reply", "text": "t", "value": "v"},
                    {"kind": "phone", "text": "t", "value": ""}, {"kind": "copy_code", "text": "t", "value": "v"}
                ],
                "twilio": {"content_sid": "HX", "variables": {"1": "a"}, "mapping": {"1": "name"}},
                "meta": {
                    "name": "n", "language": "en", "header_image_url": "h", "body": ["b"], "url_buttons": {"3": "u"},
                    "mapping": {"1": "city"}, "components": [{"type": "body"}]
                }
            },
            "push": {"title": "t", "body": "b", "image_url": "i", "link": "l", "data": {"k": "v"}},
            "social": {"text": "t", "media_urls": ["m"], "networks": ["facebook", "instagram", "x", "linkedin"], "texts": {"x": "y"},
                "alt_texts": ["a"], "link": "l", "link_title": "t"},
            "locale": "en",
            "variables": {"first_name": {"missing": "default", "default_text": "d"}, "role": {"missing": "skip"}, "city": {"missing": null}},
            "missing": "empty",
            "translations": {"ar": translation}
        });
        let content: TemplateContent = serde_json::from_value(content).unwrap();
        let wire = template::Content::from(content.clone());
        assert_eq!(TemplateContent::from(wire), content);
        for variant in Variant::ALL {
            assert_eq!(content_variant(content_variant_number(variant)), Some(variant));
        }
        assert_eq!((content_variant(0), content_variant(99)), (None, None));
    }

    #[test]
    fn what_is_no_json_goes_back_as_it_came() {
        let meta = template::MetaTemplate { components_json: "[{".to_owned(), ..template::MetaTemplate::default() };
        let read = MetaTemplate::from(meta);
        assert_eq!(read.components, Some(serde_json::Value::String("[{".to_owned())));
        assert_eq!(template::MetaTemplate::from(read).components_json, "[{");
    }
}
