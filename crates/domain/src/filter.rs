//! Segment filters: which contacts a segment means. Typed, limited in size, and either true or false of a contact, never unknown.
//!
//! A test of something that a contact hasn't got is false; `Not` makes it true. Two readings exist and must agree: [`Filter::holds`] looks at one
//! contact in memory, and `store::segment` compiles a filter to SQL. A test compares them on random contacts and filters.

mod check;
mod holds;

pub use check::{MAX_DAYS, MAX_DEPTH, MAX_NODES, MAX_TEXT, MAX_VALUES, Problem};
pub use holds::{Delivery, Subject};

use crate::{CampaignId, Channel, ListId};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, serde::rfc3339};

/// A filter over contacts. What is serialised is what the database and the audit log keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Each of them holds; there is at least one.
    All(Vec<Self>),
    /// One of them holds; there is at least one.
    Any(Vec<Self>),
    Not(Box<Self>),
    Profile {
        field: ProfileField,
        is: TextTest,
    },
    /// When the contact was last active, as its profile says.
    LastActive(TimeTest),
    /// When the contact came into the workspace.
    Created(TimeTest),
    /// A member of one of these lists.
    OnList(Vec<ListId>),
    Attribute {
        name: String,
        is: AttributeTest,
    },
    Engaged(Engaged),
}

/// A text of a contact's profile. One that the contact hasn't got is the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    ExternalId,
    Name,
    Email,
    /// E.164 when it could be read, else as it was written.
    Phone,
    Locale,
    Timezone,
    Role,
    City,
    PostalCode,
}

impl ProfileField {
    pub const ALL: [Self; 9] =
        [Self::ExternalId, Self::Name, Self::Email, Self::Phone, Self::Locale, Self::Timezone, Self::Role, Self::City, Self::PostalCode];
}

/// A test of a text, whatever its case. The texts to compare with aren't empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextTest {
    Equals(String),
    OneOf(Vec<String>),
    StartsWith(String),
    Contains(String),
    /// Whether there is any.
    Exists(bool),
}

/// A test of an attribute. Of a list of values one that passes is enough, except for [`TextTest::Exists`], which asks for the attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeTest {
    /// Of texts.
    Text(TextTest),
    /// Of numbers, and of texts that are one: at most 32 characters, digits with a sign and a decimal point if need be.
    Number(NumberTest),
    /// Of `true` and `false`, and of texts that say so.
    Truth(bool),
    /// Of texts that are a date (its first moment in UTC) or a time with its offset, as in RFC 3339.
    Time(TimeTest),
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberTest {
    Equals(f64),
    LessThan(f64),
    AtMost(f64),
    MoreThan(f64),
    AtLeast(f64),
}

impl NumberTest {
    /// What is compared with.
    #[must_use]
    pub const fn operand(self) -> f64 {
        match self {
            Self::Equals(n) | Self::LessThan(n) | Self::AtMost(n) | Self::MoreThan(n) | Self::AtLeast(n) => n,
        }
    }
}

/// A comparison of times. Days are 24 hours, counted from the moment of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeTest {
    #[serde(with = "rfc3339")]
    Before(OffsetDateTime),
    /// At that time or later.
    #[serde(with = "rfc3339")]
    Since(OffsetDateTime),
    /// No longer ago, and not in the future.
    InLastDays(u32),
    /// In the future, and no later.
    InNextDays(u32),
}

/// What the workspace's messages have come to with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engaged {
    pub did: Deed,
    /// None: any of the workspace's campaigns.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    /// None: any.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// No longer ago; 0: ever. For what was sent or delivered, the message's own time counts.
    #[serde(default)]
    pub within_days: u32,
}

/// What became of a message, or what its recipient did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A provider took a message to the contact.
    Sent,
    /// One arrived.
    Delivered,
    /// Opened or read by a person; a click is one too.
    Opened,
    Clicked,
    Replied,
    Converted,
}

impl Deed {
    pub const ALL: [Self; 6] = [Self::Sent, Self::Delivered, Self::Opened, Self::Clicked, Self::Replied, Self::Converted];
}

/// A text in the case in which texts are compared: each character's simple lower case (Unicode), as PostgreSQL's `lower` has it under the
/// collation `pg_c_utf8`.
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests;
