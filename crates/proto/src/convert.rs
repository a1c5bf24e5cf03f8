//! Conversions between wire types and domain types.

use crate::{campaign, common, template};
use domain::{
    Channel,
    campaign::Lane,
    content::{EmailVariant, MetaTemplate, SmsVariant, TemplateContent, TwilioContent, WhatsappVariant},
    gate::Engagement,
};
use prost_types::Timestamp;
use time::OffsetDateTime;

/// A time on the wire.
#[must_use]
pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    // Less than 10^9, so it fits.
    Timestamp { seconds: time.unix_timestamp(), nanos: time.nanosecond().cast_signed() }
}

impl From<Channel> for common::Channel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
            Channel::Whatsapp => Self::Whatsapp,
        }
    }
}

/// The channel of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn channel(number: i32) -> Option<Channel> {
    match common::Channel::try_from(number).ok()? {
        common::Channel::Unspecified => None,
        common::Channel::Email => Some(Channel::Email),
        common::Channel::Sms => Some(Channel::Sms),
        common::Channel::Whatsapp => Some(Channel::Whatsapp),
    }
}

/// The number of an enum field.
#[must_use]
pub fn channel_number(channel: Channel) -> i32 {
    common::Channel::from(channel).into()
}

/// The lane of an enum field, BULK when it is left out; None for numbers that this version doesn't know.
#[must_use]
pub fn lane(number: i32) -> Option<Lane> {
    match campaign::Lane::try_from(number).ok()? {
        campaign::Lane::Unspecified | campaign::Lane::Bulk => Some(Lane::Bulk),
        campaign::Lane::Transactional => Some(Lane::Transactional),
    }
}

/// The number of an enum field.
#[must_use]
pub fn lane_number(lane: Lane) -> i32 {
    let lane = match lane {
        Lane::Bulk => campaign::Lane::Bulk,
        Lane::Transactional => campaign::Lane::Transactional,
    };
    lane.into()
}

/// The engagement of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn engagement(number: i32) -> Option<Engagement> {
    match campaign::Engagement::try_from(number).ok()? {
        campaign::Engagement::Unspecified => None,
        campaign::Engagement::Opened => Some(Engagement::Opened),
        campaign::Engagement::Clicked => Some(Engagement::Clicked),
        campaign::Engagement::Replied => Some(Engagement::Replied),
        campaign::Engagement::Converted => Some(Engagement::Converted),
    }
}

/// The number of an enum field.
#[must_use]
pub fn engagement_number(engagement: Engagement) -> i32 {
    let engagement = match engagement {
        Engagement::Opened => campaign::Engagement::Opened,
        Engagement::Clicked => campaign::Engagement::Clicked,
        Engagement::Replied => campaign::Engagement::Replied,
        Engagement::Converted => campaign::Engagement::Converted,
    };
    engagement.into()
}

impl From<template::Content> for TemplateContent {
    fn from(content: template::Content) -> Self {
        Self {
            fragments: content.fragments.into_iter().collect(),
            email: content.email.map(|v| EmailVariant { subject: v.subject, html: v.html, text: v.text }),
            sms: content.sms.map(|v| SmsVariant { text: v.text }),
            whatsapp: content.whatsapp.map(|v| WhatsappVariant {
                twilio: v.twilio.map(|t| TwilioContent { content_sid: t.content_sid, variables: t.variables.into_iter().collect() }),
                meta: v.meta.map(|m| MetaTemplate {
                    name: m.name,
                    language: m.language,
                    header_image_url: m.header_image_url,
                    body: m.body,
                    // An index beyond 255 is no button of any provider; validation refuses 255 itself.
                    url_buttons: m.url_buttons.into_iter().map(|(index, text)| (u8::try_from(index).unwrap_or(u8::MAX), text)).collect(),
                }),
            }),
        }
    }
}

impl From<TemplateContent> for template::Content {
    fn from(content: TemplateContent) -> Self {
        Self {
            fragments: content.fragments.into_iter().collect(),
            email: content.email.map(|v| template::EmailVariant { subject: v.subject, html: v.html, text: v.text }),
            sms: content.sms.map(|v| template::SmsVariant { text: v.text }),
            whatsapp: content.whatsapp.map(|v| template::WhatsappVariant {
                twilio: v
                    .twilio
                    .map(|t| template::TwilioContent { content_sid: t.content_sid, variables: t.variables.into_iter().collect() }),
                meta: v.meta.map(|m| template::MetaTemplate {
                    name: m.name,
                    language: m.language,
                    header_image_url: m.header_image_url,
                    body: m.body,
                    url_buttons: m.url_buttons.into_iter().map(|(index, text)| (u32::from(index), text)).collect(),
                }),
            }),
        }
    }
}
