use super::*;
use crate::facts::Bits;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use time::{Duration, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

fn subject() -> Subject {
    Subject {
        external_id: String::new(),
        name: "Ольга Ivanova".to_owned(),
        email: "Olga@Example.com".to_owned(),
        phone: "+971501234567".to_owned(),
        locale: "ru".to_owned(),
        timezone: String::new(),
        role: "customer".to_owned(),
        city: "Abu Dhabi".to_owned(),
        postal_code: String::new(),
        attributes: Map::new(),
        last_active_at: None,
        created_at: NOW - Duration::days(10),
        lists: BTreeSet::new(),
        deliveries: Vec::new(),
    }
}

fn with(attributes: Value) -> Subject {
    Subject { attributes: attributes.as_object().unwrap().clone(), ..subject() }
}

fn profile(field: ProfileField, is: TextTest) -> Filter {
    Filter::Profile { field, is }
}

fn attribute(is: AttributeTest) -> Filter {
    Filter::Attribute { name: "x".to_owned(), is }
}

fn fields(filter: &Filter) -> Vec<String> {
    filter.problems("filter").into_iter().map(|problem| problem.field).collect()
}

#[test]
fn texts_are_compared_whatever_their_case() {
    for is in [
        TextTest::Equals("ОЛЬГА ivanova".to_owned()),
        TextTest::StartsWith("оль".to_owned()),
        TextTest::Contains("IVAN".to_owned()),
        TextTest::OneOf(vec!["nobody".to_owned(), "Ольга Ivanova".to_owned()]),
        TextTest::Exists(true),
    ] {
        assert!(profile(ProfileField::Name, is.clone()).holds(&subject(), NOW), "{is:?}");
    }
    assert!(!profile(ProfileField::Name, TextTest::StartsWith("ivan".to_owned())).holds(&subject(), NOW));
    assert_eq!(fold("İΣ"), "iσ");
}

#[test]
fn what_is_missing_makes_a_test_false_and_its_opposite_true() {
    let tests = [
        profile(ProfileField::PostalCode, TextTest::Equals("1".to_owned())),
        Filter::LastActive(TimeTest::Before(NOW)),
        attribute(AttributeTest::Number(NumberTest::LessThan(5.0))),
        attribute(AttributeTest::Truth(false)),
        Filter::Engaged(Engaged { did: Deed::Opened, campaign_id: None, channel: None, within_days: 0 }),
        Filter::OnList(vec![ListId::new()]),
    ];
    for test in tests {
        assert!(!test.holds(&subject(), NOW), "{test:?}");
        assert!(Filter::Not(Box::new(test.clone())).holds(&subject(), NOW), "not {test:?}");
    }
    assert!(profile(ProfileField::PostalCode, TextTest::Exists(false)).holds(&subject(), NOW));
}

#[test]
fn attributes_are_read_as_what_they_are_compared_with() {
    let number = |is| attribute(AttributeTest::Number(is));
    for (value, test, expected) in [
        (json!(7), number(NumberTest::AtLeast(7.0)), true),
        (json!("7.5"), number(NumberTest::MoreThan(7.0)), true),
        (json!("7,5"), number(NumberTest::MoreThan(7.0)), false),
        (json!("1e3"), number(NumberTest::MoreThan(7.0)), false),
        (json!([3, "9"]), number(NumberTest::Equals(9.0)), true),
        (json!("TRUE"), attribute(AttributeTest::Truth(true)), true),
        (json!(1), attribute(AttributeTest::Truth(true)), false),
        (json!(["Golf", "Tennis"]), attribute(AttributeTest::Text(TextTest::Equals("golf".to_owned()))), true),
        (json!(42), attribute(AttributeTest::Text(TextTest::Equals("42".to_owned()))), false),
        (json!("2026-11-21"), attribute(AttributeTest::Time(TimeTest::InNextDays(1))), true),
        (json!("2026-11-20T15:00:00+04:00"), attribute(AttributeTest::Time(TimeTest::Before(NOW))), true),
        (json!("2026-02-30"), attribute(AttributeTest::Time(TimeTest::Before(NOW))), false),
        (json!("20 November"), attribute(AttributeTest::Time(TimeTest::Before(NOW))), false),
        (json!(null), attribute(AttributeTest::Text(TextTest::Exists(true))), false),
        (json!(""), attribute(AttributeTest::Text(TextTest::Exists(false))), true),
        (json!([]), attribute(AttributeTest::Text(TextTest::Exists(true))), true),
    ] {
        assert_eq!(test.holds(&with(json!({"x": value})), NOW), expected, "{value} {test:?}");
    }
}

#[test]
fn engagement_names_the_campaign_the_channel_and_how_long_ago() {
    let (campaign, other) = (CampaignId::new(), CampaignId::new());
    let delivery = Delivery {
        campaign_id: campaign,
        channel: Channel::Email,
        bits: Bits::ACCEPTED | Bits::CLICKED,
        sent_at: Some(NOW - Duration::days(20)),
        opened_at: None,
        clicked_at: Some(NOW - Duration::days(3)),
        replied_at: None,
        converted_at: None,
    };
    let subject = Subject { deliveries: vec![delivery], ..subject() };
    let did =
        |did, campaign_id, channel, within_days| Filter::Engaged(Engaged { did, campaign_id, channel, within_days }).holds(&subject, NOW);
    assert!(did(Deed::Clicked, None, None, 0) && did(Deed::Clicked, Some(campaign), Some(Channel::Email), 3));
    assert!(did(Deed::Opened, None, None, 3), "a click is an open");
    assert!(did(Deed::Sent, None, None, 20) && did(Deed::Delivered, None, None, 0));
    assert!(!did(Deed::Clicked, None, None, 2) && !did(Deed::Sent, None, None, 19));
    assert!(!did(Deed::Clicked, Some(other), None, 0) && !did(Deed::Clicked, None, Some(Channel::Sms), 0));
    assert!(!did(Deed::Replied, None, None, 0));
}

#[test]
fn every_problem_is_named_by_its_path() {
    let filter = Filter::All(vec![
        profile(ProfileField::City, TextTest::Equals(String::new())),
        Filter::Not(Box::new(Filter::Any(Vec::new()))),
        Filter::LastActive(TimeTest::InNextDays(3)),
        Filter::Created(TimeTest::InLastDays(0)),
        Filter::OnList(Vec::new()),
        attribute(AttributeTest::Number(NumberTest::Equals(f64::NAN))),
        attribute(AttributeTest::Text(TextTest::OneOf(vec!["a".to_owned(), "\n".to_owned()]))),
    ]);
    let expected = [
        "filter.all.filters[0].profile.is.equals",
        "filter.all.filters[1].not.any.filters",
        "filter.all.filters[2].last_active.in_next_days",
        "filter.all.filters[3].created.in_last_days",
        "filter.all.filters[4].list.list_ids",
        "filter.all.filters[5].attribute.number",
        "filter.all.filters[6].attribute.text.one_of.values[1]",
    ];
    assert_eq!(fields(&filter), expected);
}

#[test]
fn a_filter_is_limited_in_depth_and_size() {
    let leaf = || profile(ProfileField::City, TextTest::Exists(true));
    let deep = (1..MAX_DEPTH).fold(leaf(), |filter, _| Filter::Not(Box::new(filter)));
    assert_eq!(fields(&deep), Vec::<String>::new());
    assert_eq!(fields(&Filter::Not(Box::new(deep))), ["filter"]);
    let wide = |leaves| Filter::Any((0..leaves).map(|_| leaf()).collect());
    assert_eq!(fields(&wide(MAX_NODES - 1)), Vec::<String>::new());
    assert_eq!(fields(&wide(MAX_NODES)), ["filter"]);
}

#[test]
fn what_is_stored_is_read_back() {
    let filter = Filter::Any(vec![
        Filter::All(vec![
            profile(ProfileField::PostalCode, TextTest::OneOf(vec!["1".to_owned()])),
            Filter::LastActive(TimeTest::Since(NOW)),
        ]),
        Filter::Not(Box::new(Filter::OnList(vec![ListId::new()]))),
        attribute(AttributeTest::Number(NumberTest::AtMost(0.1))),
        Filter::Engaged(Engaged { did: Deed::Sent, campaign_id: Some(CampaignId::new()), channel: Some(Channel::Sms), within_days: 7 }),
    ]);
    assert_eq!(serde_json::from_value::<Filter>(serde_json::to_value(&filter).unwrap()).unwrap(), filter);
    let stored = json!({"profile": {"field": "city", "is": {"starts_with": "Du"}}});
    assert_eq!(serde_json::to_value(profile(ProfileField::City, TextTest::StartsWith("Du".to_owned()))).unwrap(), stored);
}

#[test]
fn what_a_filter_refers_to_is_found() {
    let (list, campaign) = (ListId::new(), CampaignId::new());
    let filter = Filter::Not(Box::new(Filter::All(vec![
        Filter::OnList(vec![list]),
        Filter::Engaged(Engaged { did: Deed::Clicked, campaign_id: Some(campaign), channel: None, within_days: 0 }),
    ])));
    assert_eq!(filter.lists("f"), [("f.not.all.filters[0].list.list_ids[0]".to_owned(), list)]);
    assert_eq!(filter.campaigns("f"), [("f.not.all.filters[1].engagement.campaign_id".to_owned(), campaign)]);
}
