//! The WhatsApp variant of a content, both ways.

use crate::template;
use domain::content::{ButtonKind, MediaKind, MetaTemplate, TwilioContent, WhatsappButton, WhatsappKind, WhatsappVariant};

impl From<template::WhatsappVariant> for WhatsappVariant {
    fn from(v: template::WhatsappVariant) -> Self {
        let kind = match v.kind() {
            template::WhatsappKind::Unspecified | template::WhatsappKind::Text => WhatsappKind::Text,
            template::WhatsappKind::Media => WhatsappKind::Media,
            template::WhatsappKind::Card => WhatsappKind::Card,
        };
        let media_kind = match v.media_kind() {
            template::WhatsappMediaKind::Unspecified => None,
            template::WhatsappMediaKind::Image => Some(MediaKind::Image),
            template::WhatsappMediaKind::Video => Some(MediaKind::Video),
            template::WhatsappMediaKind::Document => Some(MediaKind::Document),
        };
        Self {
            twilio: v.twilio.map(|t| TwilioContent {
                content_sid: t.content_sid,
                variables: t.variables.into_iter().collect(),
                mapping: t.mapping.into_iter().collect(),
            }),
            meta: v.meta.map(Into::into),
            kind,
            body: v.body,
            media_url: v.media_url,
            link: v.link,
            buttons: v.buttons.into_iter().map(Into::into).collect(),
            media_kind,
            media_name: v.media_name,
        }
    }
}

impl From<WhatsappVariant> for template::WhatsappVariant {
    fn from(v: WhatsappVariant) -> Self {
        let kind = match v.kind {
            WhatsappKind::Text => template::WhatsappKind::Text,
            WhatsappKind::Media => template::WhatsappKind::Media,
            WhatsappKind::Card => template::WhatsappKind::Card,
        };
        let media_kind = match v.media_kind {
            None => template::WhatsappMediaKind::Unspecified,
            Some(MediaKind::Image) => template::WhatsappMediaKind::Image,
            Some(MediaKind::Video) => template::WhatsappMediaKind::Video,
            Some(MediaKind::Document) => template::WhatsappMediaKind::Document,
        };
        Self {
            twilio: v.twilio.map(|t| template::TwilioContent {
                content_sid: t.content_sid,
                variables: t.variables.into_iter().collect(),
                mapping: t.mapping.into_iter().collect(),
            }),
            meta: v.meta.map(Into::into),
            kind: kind.into(),
            body: v.body,
            media_url: v.media_url,
            link: v.link,
            buttons: v.buttons.into_iter().map(Into::into).collect(),
            media_kind: media_kind.into(),
            media_name: v.media_name,
        }
    }
}

impl From<template::WhatsappButton> for WhatsappButton {
    fn from(b: template::WhatsappButton) -> Self {
        use template::whatsapp_button::Kind;
        let kind = match b.kind() {
            Kind::Unspecified | Kind::Url => ButtonKind::Url,
            Kind::QuickReply => ButtonKind::QuickReply,
            Kind::Phone => ButtonKind::Phone,
            Kind::CopyCode => ButtonKind::CopyCode,
        };
        Self { kind, text: b.text, value: b.value }
    }
}

impl From<WhatsappButton> for template::WhatsappButton {
    fn from(b: WhatsappButton) -> Self {
        use template::whatsapp_button::Kind;
        let kind = match b.kind {
            ButtonKind::Url => Kind::Url,
            ButtonKind::QuickReply => Kind::QuickReply,
            ButtonKind::Phone => Kind::Phone,
            ButtonKind::CopyCode => Kind::CopyCode,
        };
        Self { kind: kind.into(), text: b.text, value: b.value }
    }
}

impl From<template::MetaTemplate> for MetaTemplate {
    fn from(m: template::MetaTemplate) -> Self {
        let components = Some(m.components_json).filter(|json| !json.trim().is_empty());
        Self {
            name: m.name,
            language: m.language,
            header_image_url: m.header_image_url,
            body: m.body,
            // An index beyond 255 is no button of any provider; validation refuses 255 itself.
            url_buttons: m.url_buttons.into_iter().map(|(index, text)| (u8::try_from(index).unwrap_or(u8::MAX), text)).collect(),
            mapping: m.mapping.into_iter().collect(),
            header_text: m.header_text,
            named: m.named.into_iter().collect(),
            category: m.category,
            // Before 1970 is no time for an offer to end, which validation says.
            offer_ends_ms: m.offer_ends_at.map_or(0, |at| at.seconds.saturating_mul(1_000) + i64::from(at.nanos / 1_000_000)),
            media_ids: std::collections::BTreeMap::new(),
            components: components.map(|json| serde_json::from_str(&json).unwrap_or(serde_json::Value::String(json))),
        }
    }
}

impl From<MetaTemplate> for template::MetaTemplate {
    fn from(m: MetaTemplate) -> Self {
        let json = |value: serde_json::Value| match value {
            // What couldn't be read goes back as it came.
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        };
        Self {
            name: m.name,
            language: m.language,
            header_image_url: m.header_image_url,
            body: m.body,
            url_buttons: m.url_buttons.into_iter().map(|(index, text)| (u32::from(index), text)).collect(),
            mapping: m.mapping.into_iter().collect(),
            components_json: m.components.map(json).unwrap_or_default(),
            header_text: m.header_text,
            named: m.named.into_iter().collect(),
            category: m.category,
            offer_ends_at: (m.offer_ends_ms != 0).then(|| prost_types::Timestamp {
                seconds: m.offer_ends_ms.div_euclid(1_000),
                nanos: i32::try_from(m.offer_ends_ms.rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
            }),
        }
    }
}
