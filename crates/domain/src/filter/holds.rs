//! Whether a filter holds for one contact, looked at in memory.

use super::{AttributeTest, Deed, Engaged, Filter, NumberTest, ProfileField, TextTest, TimeTest, fold};
use crate::{
    CampaignId, Channel, ListId,
    facts::{Bits, DELIVERED, PROVES_SENT},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use time::{Date, Duration, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// What a filter looks at of a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub external_id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub locale: String,
    pub timezone: String,
    pub role: String,
    pub city: String,
    pub postal_code: String,
    pub attributes: Map<String, Value>,
    pub last_active_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    pub lists: BTreeSet<ListId>,
    /// Every message that the contact was selected for.
    pub deliveries: Vec<Delivery>,
}

/// A message to the contact and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub campaign_id: CampaignId,
    pub channel: Channel,
    pub bits: Bits,
    /// When its last try passed the gate.
    pub sent_at: Option<OffsetDateTime>,
    /// The first time each; a machine's open is none.
    pub opened_at: Option<OffsetDateTime>,
    pub clicked_at: Option<OffsetDateTime>,
    pub replied_at: Option<OffsetDateTime>,
    pub converted_at: Option<OffsetDateTime>,
}

impl Filter {
    /// Whether it holds for a contact as of `now`.
    #[must_use]
    pub fn holds(&self, of: &Subject, now: OffsetDateTime) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(of, now)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(of, now)),
            Self::Not(part) => !part.holds(of, now),
            Self::Profile { field, is } => is.holds(field.of(of)),
            Self::LastActive(is) => of.last_active_at.is_some_and(|at| is.holds(at, now)),
            Self::Created(is) => is.holds(of.created_at, now),
            Self::OnList(lists) => lists.iter().any(|list| of.lists.contains(list)),
            Self::Attribute { name, is } => is.holds(of.attributes.get(name), now),
            Self::Engaged(engaged) => of.deliveries.iter().any(|delivery| engaged.holds(delivery, now)),
        }
    }
}

impl ProfileField {
    fn of(self, subject: &Subject) -> &str {
        match self {
            Self::ExternalId => &subject.external_id,
            Self::Name => &subject.name,
            Self::Email => &subject.email,
            Self::Phone => &subject.phone,
            Self::Locale => &subject.locale,
            Self::Timezone => &subject.timezone,
            Self::Role => &subject.role,
            Self::City => &subject.city,
            Self::PostalCode => &subject.postal_code,
        }
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        let folded = fold(text);
        match self {
            Self::Equals(value) => folded == fold(value),
            Self::OneOf(values) => values.iter().any(|value| folded == fold(value)),
            Self::StartsWith(value) => folded.starts_with(&fold(value)),
            Self::Contains(value) => folded.contains(&fold(value)),
            Self::Exists(exists) => text.is_empty() != *exists,
        }
    }
}

impl AttributeTest {
    fn holds(&self, value: Option<&Value>, now: OffsetDateTime) -> bool {
        if let Self::Text(TextTest::Exists(exists)) = self {
            let is_there = value.is_some_and(|value| !value.is_null() && value.as_str() != Some(""));
            return is_there == *exists;
        }
        match value {
            None => false,
            Some(Value::Array(values)) => values.iter().any(|value| self.holds_for(value, now)),
            Some(value) => self.holds_for(value, now),
        }
    }

    fn holds_for(&self, value: &Value, now: OffsetDateTime) -> bool {
        match self {
            Self::Text(test) => value.as_str().is_some_and(|text| test.holds(text)),
            Self::Number(test) => number(value).is_some_and(|number| test.holds(number)),
            Self::Truth(truth) => truth_of(value) == Some(*truth),
            Self::Time(test) => value.as_str().and_then(time).is_some_and(|at| test.holds(at, now)),
        }
    }
}

impl NumberTest {
    fn holds(self, number: f64) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "the author asks for this number, and no other")]
            Self::Equals(n) => number == n,
            Self::LessThan(n) => number < n,
            Self::AtMost(n) => number <= n,
            Self::MoreThan(n) => number > n,
            Self::AtLeast(n) => number >= n,
        }
    }
}

impl TimeTest {
    fn holds(self, at: OffsetDateTime, now: OffsetDateTime) -> bool {
        match self {
            Self::Before(time) => at < time,
            Self::Since(time) => at >= time,
            Self::InLastDays(days) => at >= now - Duration::days(days.into()) && at <= now,
            Self::InNextDays(days) => at > now && at <= now + Duration::days(days.into()),
        }
    }
}

impl Engaged {
    fn holds(&self, delivery: &Delivery, now: OffsetDateTime) -> bool {
        let since = (self.within_days > 0).then(|| now - Duration::days(self.within_days.into()));
        let at = |time: Option<OffsetDateTime>| time.is_some_and(|time| since.is_none_or(|since| time >= since));
        let left = |bits: Bits| delivery.bits.any(bits) && (since.is_none() || at(delivery.sent_at));
        self.campaign_id.is_none_or(|id| id == delivery.campaign_id)
            && self.channel.is_none_or(|channel| channel == delivery.channel)
            && match self.did {
                Deed::Sent => left(PROVES_SENT),
                Deed::Delivered => left(DELIVERED),
                Deed::Opened => at(delivery.opened_at) || at(delivery.clicked_at),
                Deed::Clicked => at(delivery.clicked_at),
                Deed::Replied => at(delivery.replied_at),
                Deed::Converted => at(delivery.converted_at),
            }
    }
}

/// Characters of a number or a time at most.
const MAX_LENGTH: usize = 32;

/// The number that a value is, if it is written with digits, a sign and a decimal point alone.
fn number(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.clone(),
        // No exponents, as the database writes them.
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        _ => return None,
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let mut parts = digits.splitn(2, '.');
    let is_number = parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    (is_number && text.len() <= MAX_LENGTH).then(|| text.parse().ok()).flatten()
}

fn truth_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The moment that a text names.
fn time(text: &str) -> Option<OffsetDateTime> {
    // Years from 1000; what this is stricter about than the parser is what the database is.
    if !text.starts_with(|c: char| ('1'..='9').contains(&c)) || !text.is_ascii() {
        return None;
    }
    if text.len() == 10 {
        return Date::parse(text, format_description!("[year]-[month]-[day]")).ok().map(|date| date.midnight().assume_utc());
    }
    let bytes = text.as_bytes();
    if bytes.get(10) != Some(&b'T') || bytes.get(17).is_none_or(|tens| *tens > b'5') || text.ends_with('z') || text.len() > MAX_LENGTH {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().filter(|at| at.offset().whole_hours().abs() <= 14)
}
