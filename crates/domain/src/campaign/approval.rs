//! What an approval is about: all that decides what is sent to whom, when, by whom and for how much, in one form that always gives the
//! same hash.

use super::Settings;
use ring::digest;
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Differences that are told at most.
const MAX_CHANGES: usize = 100;
/// Characters of a path at most.
const MAX_PATH: usize = 200;

/// What the settings of a campaign only refer to, as it is stored.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub template_version: i32,
    /// Of that version of the template.
    pub content: Value,
    /// Id → filter.
    pub segments: Value,
    /// Id → provider, settings, price.
    pub senders: Value,
}

/// Everything that a campaign is made of at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct What(Value);

impl What {
    /// Takes the settings whole, so that whatever can be set is approved, too. What says nothing is left out: a setting that a later
    /// version adds, and that nobody has used, must not make what was approved something else.
    ///
    /// # Errors
    /// When the settings can't be written as JSON.
    pub fn new(settings: &Settings, parts: Parts) -> Result<Self, serde_json::Error> {
        let mut settings = serde_json::to_value(settings)?;
        if let Value::Object(settings) = &mut settings {
            settings.retain(|_, value| !says_nothing(value));
        }
        let fields = [
            ("settings", settings),
            ("template_version", parts.template_version.into()),
            ("content", parts.content),
            ("segments", parts.segments),
            ("senders", parts.senders),
        ];
        let mut what = Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        drop_nulls(&mut what);
        Ok(Self(what))
    }

    /// As it was stored.
    #[must_use]
    pub const fn stored(value: Value) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The settings in it.
    ///
    /// # Errors
    /// When it was stored by a version that knew others.
    pub fn settings(&self) -> Result<Settings, serde_json::Error> {
        serde_json::from_value(self.0.get("settings").cloned().unwrap_or_default())
    }

    /// As text: no spaces, members of objects in the order of their names, numbers and strings as `serde_json` writes them.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        write(&self.0, &mut text);
        text
    }

    /// Of its canonical text.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hash = [0; Hash::BYTES];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.canonical().as_bytes()).as_ref());
        Hash(hash)
    }

    /// Where `after` differs from this, as paths: `settings.budget_micros`, `content.fragments.offer`; 100 at most.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<String> {
        changes(&self.0, &after.0)
    }
}

/// SHA-256 of what is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; Self::BYTES]);

impl Hash {
    pub const BYTES: usize = 32;
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a review is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A campaign before it is sent.
    Campaign,
    /// A change of a campaign that runs.
    Change,
}

/// What came of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pending,
    Approved,
    Rejected,
    /// Another edit took its place, or the campaign was cancelled.
    Withdrawn,
    /// The workspace asked for no approval.
    Waived,
}

/// The text names no subject or verdict.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither a subject nor a verdict of reviews")]
pub struct UnknownReview(String);

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $name {
            /// The name in SQL.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownReview;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownReview(text.to_owned())),
                }
            }
        }
    };
}

words!(Subject { Campaign = "campaign", Change = "change" });
words!(Verdict { Pending = "pending", Approved = "approved", Rejected = "rejected", Withdrawn = "withdrawn", Waived = "waived" });

/// Where two settings differ, as paths: `list_ids`, `channels.sms.sender_id`.
///
/// # Errors
/// When they can't be written as JSON.
pub fn settings_changes(before: &Settings, after: &Settings) -> Result<Vec<String>, serde_json::Error> {
    let (mut before, mut after) = (serde_json::to_value(before)?, serde_json::to_value(after)?);
    drop_nulls(&mut before);
    drop_nulls(&mut after);
    Ok(changes(&before, &after))
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A member that is null is as good as none.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push('{');
            for (index, name) in members.keys().collect::<BTreeSet<_>>().into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(&members[name], text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(value, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    differ(&mut String::new(), Some(before), Some(after), &mut paths);
    paths
}

fn differ(path: &mut String, before: Option<&Value>, after: Option<&Value>, paths: &mut Vec<String>) {
    if before == after || paths.len() >= MAX_CHANGES {
        return;
    }
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    let (Some(before), Some(after)) = (members(before), members(after)) else {
        return paths.push(path.chars().take(MAX_PATH).collect());
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let get = |members: &Map<String, Value>, name: &str| members.get(name).cloned();
    for name in names {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        differ(path, get(&before, name).as_ref(), get(&after, name).as_ref(), paths);
        path.truncate(length);
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
