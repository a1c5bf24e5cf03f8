#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use domain::{CampaignId, Channel};
use time::OffsetDateTime;

#[test]
fn every_kind_of_test_survives_the_wire() {
    let profile = |is| Filter::Profile { field: ProfileField::City, is };
    let attribute = |is| Filter::Attribute { name: "plan".to_owned(), is };
    let moment = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
    let mut parts = vec![
        profile(TextTest::Equals("Dubai".to_owned())),
        profile(TextTest::OneOf(vec!["a".to_owned(), "b".to_owned()])),
        profile(TextTest::StartsWith("D".to_owned())),
        profile(TextTest::Contains("u".to_owned())),
        Filter::Not(Box::new(profile(TextTest::Exists(false)))),
        Filter::LastActive(TimeTest::InLastDays(30)),
        Filter::Created(TimeTest::Before(moment)),
        Filter::OnList(vec![ListId::new(), ListId::new()]),
        attribute(AttributeTest::Text(TextTest::Exists(true))),
        attribute(AttributeTest::Truth(false)),
        attribute(AttributeTest::Time(TimeTest::InNextDays(7))),
        attribute(AttributeTest::Time(TimeTest::Since(moment))),
    ];
    let numbers = [NumberTest::Equals, NumberTest::LessThan, NumberTest::AtMost, NumberTest::MoreThan, NumberTest::AtLeast];
    parts.extend(numbers.map(|test| attribute(AttributeTest::Number(test(0.5)))));
    parts.extend(ProfileField::ALL.map(|field| Filter::Profile { field, is: TextTest::Exists(true) }));
    parts
        .extend(Deed::ALL.map(|did| {
            Filter::Engaged(Engaged { did, campaign_id: Some(CampaignId::new()), channel: Some(Channel::Sms), within_days: 3 })
        }));
    let filter = Filter::Any(vec![Filter::All(parts)]);
    assert_eq!(read(&present(&filter), "filter").unwrap(), filter);
}

#[test]
fn everything_that_cannot_be_read_is_named() {
    let test = |test| wire::Filter { test: Some(test) };
    let filters = vec![
        wire::Filter { test: None },
        test(Test::Profile(wire::ProfileTest { field: 99, is: None })),
        test(Test::List(wire::ListTest { list_ids: vec!["x".to_owned()] })),
        test(Test::Engagement(wire::EngagementTest { did: 0, campaign_id: "x".to_owned(), channel: 99, within_days: 0 })),
        test(Test::Attribute(wire::AttributeTest { name: "x".to_owned(), is: None })),
        test(Test::Created(wire::TimeTest { test: Some(time_test::Test::Before(Timestamp { seconds: i64::MAX, nanos: 0 })) })),
    ];
    let problems = read(&test(Test::All(wire::Filters { filters })), "filter").unwrap_err();
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let expected = [
        "filter.all.filters[0]",
        "filter.all.filters[1].profile.field",
        "filter.all.filters[1].profile.is",
        "filter.all.filters[2].list.list_ids[0]",
        "filter.all.filters[3].engagement.did",
        "filter.all.filters[3].engagement.campaign_id",
        "filter.all.filters[3].engagement.channel",
        "filter.all.filters[4].attribute",
        "filter.all.filters[5].created.before",
    ];
    assert_eq!(fields, expected);
}
