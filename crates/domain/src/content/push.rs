//! Notifications on devices.

use super::replace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A notification on the devices of a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushVariant {
    pub title: String,
    pub body: String,
    /// http(s); empty for none.
    pub image_url: String,
    /// Where a tap leads: http(s), or an app's own scheme; empty for the app itself.
    pub link: String,
    /// For the app.
    pub data: BTreeMap<String, String>,
    /// http(s): the small picture beside the title, in browsers; empty for the app's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon_url: String,
    /// How long a push service keeps it for a device that is off, in seconds; 0: a day.
    #[serde(skip_serializing_if = "is_zero")]
    pub ttl_seconds: u32,
    #[serde(skip_serializing_if = "Urgency::is_normal")]
    pub urgency: Urgency,
    /// What replaces what: of several with the same key a device shows the newest. Empty: none replaces another.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub collapse_key: String,
}

/// How much a notification may cost a device's battery (RFC 8030, 5.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    High,
}

impl Urgency {
    /// As push services write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// The signature is serde's.
    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// The signature is serde's.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl PushVariant {
    pub(super) fn overlay(&mut self, from: &Self) {
        replace(&mut self.title, &from.title);
        replace(&mut self.body, &from.body);
        replace(&mut self.image_url, &from.image_url);
        replace(&mut self.link, &from.link);
        replace(&mut self.icon_url, &from.icon_url);
        replace(&mut self.collapse_key, &from.collapse_key);
        self.data.extend(from.data.clone());
        if from.ttl_seconds != 0 {
            self.ttl_seconds = from.ttl_seconds;
        }
        if from.urgency != Urgency::Normal {
            self.urgency = from.urgency;
        }
    }
}
