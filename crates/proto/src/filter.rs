//! Segment filters on the wire, and in `domain`.

use crate::{
    contact::{self as wire, attribute_test, filter::Test, number_test, text_test, time_test},
    convert::{channel, channel_number, moment, timestamp},
};
use domain::{
    ListId,
    filter::{AttributeTest, Deed, Engaged, Filter, NumberTest, Problem, ProfileField, TextTest, TimeTest},
};
use prost_types::Timestamp;

/// Reads a filter; `field` is where it stands in a request.
///
/// # Errors
/// Everything that can't be read or is too large, by its path.
pub fn read(filter: &wire::Filter, field: &str) -> Result<Filter, Vec<Problem>> {
    let mut reader = Reader::default();
    let read = reader.filter(filter, field);
    match read {
        Some(read) if reader.0.is_empty() => {
            let problems = read.problems(field);
            if problems.is_empty() { Ok(read) } else { Err(problems) }
        }
        _ => Err(reader.0),
    }
}

const WHICH: &str = "must say what is tested";

/// Notes what can't be read; reading then goes on with the next part.
#[derive(Default)]
struct Reader(Vec<Problem>);

/// Problems that are told of at most; the author gets the idea.
const MAX_PROBLEMS: usize = 50;

impl Reader {
    fn wrong<T>(&mut self, field: impl Into<String>, problem: &str) -> Option<T> {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem { field: field.into(), problem: problem.to_owned() });
        }
        None
    }

    fn filter(&mut self, filter: &wire::Filter, field: &str) -> Option<Filter> {
        match &filter.test {
            None => self.wrong(field, "must have one test"),
            Some(Test::All(parts)) => self.filters(parts, &format!("{field}.all")).map(Filter::All),
            Some(Test::Any(parts)) => self.filters(parts, &format!("{field}.any")).map(Filter::Any),
            Some(Test::Not(part)) => self.filter(part, &format!("{field}.not")).map(|part| Filter::Not(Box::new(part))),
            Some(Test::Profile(test)) => self.profile(test, &format!("{field}.profile")),
            Some(Test::LastActive(test)) => self.time(test, &format!("{field}.last_active")).map(Filter::LastActive),
            Some(Test::Created(test)) => self.time(test, &format!("{field}.created")).map(Filter::Created),
            Some(Test::List(test)) => self.list(test, &format!("{field}.list")),
            Some(Test::Attribute(test)) => self.attribute(test, &format!("{field}.attribute")),
            Some(Test::Engagement(test)) => self.engagement(test, &format!("{field}.engagement")),
        }
    }

    fn filters(&mut self, parts: &wire::Filters, field: &str) -> Option<Vec<Filter>> {
        let parts = parts.filters.iter().enumerate();
        // Each is read, so that all problems are told.
        let read: Vec<_> = parts.map(|(index, part)| self.filter(part, &format!("{field}.filters[{index}]"))).collect();
        read.into_iter().collect()
    }

    fn profile(&mut self, test: &wire::ProfileTest, field: &str) -> Option<Filter> {
        let of = wire::ProfileField::try_from(test.field).ok().and_then(profile_field);
        let of = of.or_else(|| self.wrong(format!("{field}.field"), "must be a field of the profile"));
        let is = match &test.is {
            Some(is) => self.text(is, &format!("{field}.is")),
            None => self.wrong(format!("{field}.is"), WHICH),
        };
        Some(Filter::Profile { field: of?, is: is? })
    }

    fn text(&mut self, test: &wire::TextTest, field: &str) -> Option<TextTest> {
        Some(match test.test.as_ref() {
            Some(text_test::Test::Equals(text)) => TextTest::Equals(text.clone()),
            Some(text_test::Test::OneOf(texts)) => TextTest::OneOf(texts.values.clone()),
            Some(text_test::Test::StartsWith(text)) => TextTest::StartsWith(text.clone()),
            Some(text_test::Test::Contains(text)) => TextTest::Contains(text.clone()),
            Some(text_test::Test::Exists(exists)) => TextTest::Exists(*exists),
            None => return self.wrong(field, WHICH),
        })
    }

    fn time(&mut self, test: &wire::TimeTest, field: &str) -> Option<TimeTest> {
        let mut read = |time: &Timestamp, name: &str| {
            let at = moment(*time).filter(|at| (1..=9999).contains(&at.year()));
            at.or_else(|| self.wrong(format!("{field}.{name}"), "must be a time in the years 1 to 9999"))
        };
        Some(match test.test.as_ref() {
            Some(time_test::Test::Before(time)) => TimeTest::Before(read(time, "before")?),
            Some(time_test::Test::Since(time)) => TimeTest::Since(read(time, "since")?),
            Some(time_test::Test::InLastDays(days)) => TimeTest::InLastDays(*days),
            Some(time_test::Test::InNextDays(days)) => TimeTest::InNextDays(*days),
            None => return self.wrong(field, WHICH),
        })
    }

    fn list(&mut self, test: &wire::ListTest, field: &str) -> Option<Filter> {
        let ids = test.list_ids.iter().enumerate();
        let read: Vec<Option<ListId>> =
            ids.map(|(index, id)| id.parse().ok().or_else(|| self.wrong(format!("{field}.list_ids[{index}]"), "must be an id"))).collect();
        Some(Filter::OnList(read.into_iter().collect::<Option<_>>()?))
    }

    fn attribute(&mut self, test: &wire::AttributeTest, field: &str) -> Option<Filter> {
        let is = match test.is.as_ref() {
            Some(attribute_test::Is::Text(is)) => AttributeTest::Text(self.text(is, &format!("{field}.text"))?),
            Some(attribute_test::Is::Number(is)) => AttributeTest::Number(self.number(*is, &format!("{field}.number"))?),
            Some(attribute_test::Is::Truth(truth)) => AttributeTest::Truth(*truth),
            Some(attribute_test::Is::Time(is)) => AttributeTest::Time(self.time(is, &format!("{field}.time"))?),
            None => return self.wrong(field, WHICH),
        };
        Some(Filter::Attribute { name: test.name.clone(), is })
    }

    fn number(&mut self, test: wire::NumberTest, field: &str) -> Option<NumberTest> {
        Some(match test.test {
            Some(number_test::Test::Equals(number)) => NumberTest::Equals(number),
            Some(number_test::Test::LessThan(number)) => NumberTest::LessThan(number),
            Some(number_test::Test::AtMost(number)) => NumberTest::AtMost(number),
            Some(number_test::Test::MoreThan(number)) => NumberTest::MoreThan(number),
            Some(number_test::Test::AtLeast(number)) => NumberTest::AtLeast(number),
            None => return self.wrong(field, WHICH),
        })
    }

    fn engagement(&mut self, test: &wire::EngagementTest, field: &str) -> Option<Filter> {
        let did = wire::Deed::try_from(test.did).ok().and_then(deed);
        let did = did.or_else(|| self.wrong(format!("{field}.did"), "must be SENT, DELIVERED, OPENED, CLICKED, REPLIED or CONVERTED"));
        let campaign_id = match test.campaign_id.as_str() {
            "" => Some(None),
            id => {
                id.parse().ok().map(Some).or_else(|| self.wrong(format!("{field}.campaign_id"), "must be an id, or empty for any campaign"))
            }
        };
        let channel = match test.channel {
            0 => Some(None),
            number => {
                channel(number).map(Some).or_else(|| self.wrong(format!("{field}.channel"), "must be a channel, or left out for any"))
            }
        };
        Some(Filter::Engaged(Engaged { did: did?, campaign_id: campaign_id?, channel: channel?, within_days: test.within_days }))
    }
}

const fn profile_field(field: wire::ProfileField) -> Option<ProfileField> {
    Some(match field {
        wire::ProfileField::Unspecified => return None,
        wire::ProfileField::ExternalId => ProfileField::ExternalId,
        wire::ProfileField::Name => ProfileField::Name,
        wire::ProfileField::Email => ProfileField::Email,
        wire::ProfileField::Phone => ProfileField::Phone,
        wire::ProfileField::Locale => ProfileField::Locale,
        wire::ProfileField::Timezone => ProfileField::Timezone,
        wire::ProfileField::Role => ProfileField::Role,
        wire::ProfileField::City => ProfileField::City,
        wire::ProfileField::PostalCode => ProfileField::PostalCode,
    })
}

const fn deed(deed: wire::Deed) -> Option<Deed> {
    Some(match deed {
        wire::Deed::Unspecified => return None,
        wire::Deed::Sent => Deed::Sent,
        wire::Deed::Delivered => Deed::Delivered,
        wire::Deed::Opened => Deed::Opened,
        wire::Deed::Clicked => Deed::Clicked,
        wire::Deed::Replied => Deed::Replied,
        wire::Deed::Converted => Deed::Converted,
    })
}

/// A filter as callers see it.
#[must_use]
pub fn present(filter: &Filter) -> wire::Filter {
    let several = |parts: &[Filter]| wire::Filters { filters: parts.iter().map(present).collect() };
    let test = match filter {
        Filter::All(parts) => Test::All(several(parts)),
        Filter::Any(parts) => Test::Any(several(parts)),
        Filter::Not(part) => Test::Not(Box::new(present(part))),
        Filter::Profile { field, is } => {
            Test::Profile(wire::ProfileTest { field: profile_number(*field).into(), is: Some(present_text(is)) })
        }
        Filter::LastActive(is) => Test::LastActive(present_time(*is)),
        Filter::Created(is) => Test::Created(present_time(*is)),
        Filter::OnList(lists) => Test::List(wire::ListTest { list_ids: lists.iter().map(ToString::to_string).collect() }),
        Filter::Attribute { name, is } => Test::Attribute(wire::AttributeTest { name: name.clone(), is: Some(present_attribute(is)) }),
        Filter::Engaged(engaged) => Test::Engagement(wire::EngagementTest {
            did: deed_number(engaged.did).into(),
            campaign_id: engaged.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
            channel: engaged.channel.map(channel_number).unwrap_or_default(),
            within_days: engaged.within_days,
        }),
    };
    wire::Filter { test: Some(test) }
}

fn present_text(is: &TextTest) -> wire::TextTest {
    let test = match is.clone() {
        TextTest::Equals(text) => text_test::Test::Equals(text),
        TextTest::OneOf(values) => text_test::Test::OneOf(wire::TextValues { values }),
        TextTest::StartsWith(text) => text_test::Test::StartsWith(text),
        TextTest::Contains(text) => text_test::Test::Contains(text),
        TextTest::Exists(exists) => text_test::Test::Exists(exists),
    };
    wire::TextTest { test: Some(test) }
}

fn present_time(is: TimeTest) -> wire::TimeTest {
    let test = match is {
        TimeTest::Before(time) => time_test::Test::Before(timestamp(time)),
        TimeTest::Since(time) => time_test::Test::Since(timestamp(time)),
        TimeTest::InLastDays(days) => time_test::Test::InLastDays(days),
        TimeTest::InNextDays(days) => time_test::Test::InNextDays(days),
    };
    wire::TimeTest { test: Some(test) }
}

fn present_attribute(is: &AttributeTest) -> attribute_test::Is {
    match is {
        AttributeTest::Text(is) => attribute_test::Is::Text(present_text(is)),
        AttributeTest::Number(is) => attribute_test::Is::Number(present_number(*is)),
        AttributeTest::Truth(truth) => attribute_test::Is::Truth(*truth),
        AttributeTest::Time(is) => attribute_test::Is::Time(present_time(*is)),
    }
}

const fn present_number(is: NumberTest) -> wire::NumberTest {
    let test = match is {
        NumberTest::Equals(number) => number_test::Test::Equals(number),
        NumberTest::LessThan(number) => number_test::Test::LessThan(number),
        NumberTest::AtMost(number) => number_test::Test::AtMost(number),
        NumberTest::MoreThan(number) => number_test::Test::MoreThan(number),
        NumberTest::AtLeast(number) => number_test::Test::AtLeast(number),
    };
    wire::NumberTest { test: Some(test) }
}

const fn profile_number(field: ProfileField) -> wire::ProfileField {
    match field {
        ProfileField::ExternalId => wire::ProfileField::ExternalId,
        ProfileField::Name => wire::ProfileField::Name,
        ProfileField::Email => wire::ProfileField::Email,
        ProfileField::Phone => wire::ProfileField::Phone,
        ProfileField::Locale => wire::ProfileField::Locale,
        ProfileField::Timezone => wire::ProfileField::Timezone,
        ProfileField::Role => wire::ProfileField::Role,
        ProfileField::City => wire::ProfileField::City,
        ProfileField::PostalCode => wire::ProfileField::PostalCode,
    }
}

const fn deed_number(deed: Deed) -> wire::Deed {
    match deed {
        Deed::Sent => wire::Deed::Sent,
        Deed::Delivered => wire::Deed::Delivered,
        Deed::Opened => wire::Deed::Opened,
        Deed::Clicked => wire::Deed::Clicked,
        Deed::Replied => wire::Deed::Replied,
        Deed::Converted => wire::Deed::Converted,
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
