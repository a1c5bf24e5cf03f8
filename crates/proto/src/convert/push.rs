//! A notification, both ways.

use crate::template;
use domain::content::{PushVariant, Urgency};

impl From<template::PushVariant> for PushVariant {
    fn from(v: template::PushVariant) -> Self {
        let urgency = match v.urgency() {
            template::PushUrgency::Low => Urgency::Low,
            template::PushUrgency::Unspecified | template::PushUrgency::Normal => Urgency::Normal,
            template::PushUrgency::High => Urgency::High,
        };
        Self {
            title: v.title,
            body: v.body,
            image_url: v.image_url,
            link: v.link,
            data: v.data.into_iter().collect(),
            icon_url: v.icon_url,
            ttl_seconds: v.ttl_seconds,
            urgency,
            collapse_key: v.collapse_key,
        }
    }
}

impl From<PushVariant> for template::PushVariant {
    fn from(v: PushVariant) -> Self {
        let urgency = match v.urgency {
            Urgency::Low => template::PushUrgency::Low,
            Urgency::Normal => template::PushUrgency::Unspecified,
            Urgency::High => template::PushUrgency::High,
        };
        Self {
            title: v.title,
            body: v.body,
            image_url: v.image_url,
            link: v.link,
            data: v.data.into_iter().collect(),
            icon_url: v.icon_url,
            ttl_seconds: v.ttl_seconds,
            urgency: urgency.into(),
            collapse_key: v.collapse_key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_comes_back_as_it_went() {
        for urgency in [Urgency::Low, Urgency::Normal, Urgency::High] {
            let push = PushVariant {
                title: "t".into(),
                body: "b".into(),
                image_url: "i".into(),
                link: "l".into(),
                data: [("k".into(), "v".into())].into(),
                icon_url: "c".into(),
                ttl_seconds: 7,
                urgency,
                collapse_key: "key".into(),
            };
            assert_eq!(PushVariant::from(template::PushVariant::from(push.clone())), push);
        }
    }
}
