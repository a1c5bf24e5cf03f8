use super::*;
use crate::{
    Channel, ListId, SenderId, TemplateId,
    campaign::{EngagementRule, Lane, ScheduleText, tests::complete},
    gate::Engagement,
};
use serde_json::json;

fn parts() -> Parts {
    Parts {
        template_version: 3,
        content: json!({"fragments": {"offer": "20% off"}, "sms": {"text": "{{ fragments.offer }}"}, "email": null}),
        segments: json!({}),
        senders: json!({"s": {"provider": "twilio", "price_micros": 7_500}}),
    }
}

fn what(settings: &Settings, parts: Parts) -> What {
    What::new(settings, parts).unwrap()
}

#[test]
fn the_order_of_members_and_what_says_nothing_change_no_hash() {
    let one = What::stored(json!({"b": [1, {"y": "ü\n", "x": 1.5}], "a": {}}));
    assert_eq!(one.canonical(), r#"{"a":{},"b":[1,{"x":1.5,"y":"ü\n"}]}"#);
    let other: Value = serde_json::from_str(r#"{ "a" : {}, "b":[1, {"x":1.50,"y":"\u00fc\n"}] }"#).unwrap();
    assert_eq!(one.hash(), What::stored(other).hash());
    assert_eq!(What::stored(json!({})).hash().to_string(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");

    let (settings, _) = complete();
    let with_null = what(&settings, parts());
    let without =
        what(&settings, Parts { content: json!({"fragments": {"offer": "20% off"}, "sms": {"text": "{{ fragments.offer }}"}}), ..parts() });
    assert_eq!(with_null.hash(), without.hash());
    assert!(!with_null.canonical().contains("null"), "{}", with_null.canonical());
}

#[test]
fn it_survives_being_stored() {
    let (mut settings, _) = complete();
    settings.rules =
        vec![EngagementRule { on_channel: Channel::Email, engagement: Engagement::Clicked, within_hours: 0, skip_channel: Channel::Sms }];
    settings.description = String::new();
    let before = what(&settings, parts());
    let stored = What::stored(serde_json::from_str(&serde_json::to_string(before.value()).unwrap()).unwrap());
    assert_eq!((stored.hash(), stored.canonical()), (before.hash(), before.canonical()));
    assert_eq!(stored.settings().unwrap(), settings);
}

#[test]
fn whatever_is_changed_is_something_else_and_is_named() {
    let (settings, _) = complete();
    let approved = what(&settings, parts());
    let edit = |change: &dyn Fn(&mut Settings)| {
        let mut edited = settings.clone();
        change(&mut edited);
        what(&edited, parts())
    };
    let sms = |settings: &mut Settings| settings.channels.get_mut(&Channel::Sms).unwrap().budget_micros = Some(1);
    let cases: [(What, &str); 14] = [
        (edit(&|s| s.name.push('!')), "settings.name"),
        (edit(&|s| s.template_id = Some(TemplateId::new())), "settings.template_id"),
        (edit(&|s| s.list_ids.push(ListId::new())), "settings.list_ids"),
        (edit(&|s| s.exclude_list_ids.clear()), "settings.exclude_list_ids"),
        (edit(&|s| s.budget_micros = Some(1)), "settings.budget_micros"),
        (edit(&sms), "settings.channels.sms.budget_micros"),
        (edit(&|s| s.channels.get_mut(&Channel::Email).unwrap().sender_id = SenderId::new()), "settings.channels.email.sender_id"),
        (edit(&|s| s.schedule = None::<ScheduleText>), "settings.schedule"),
        (edit(&|s| s.lane = Lane::Transactional), "settings.lane"),
        (edit(&|s| s.expires_after_hours = 1), "settings.expires_after_hours"),
        (what(&settings, Parts { template_version: 4, ..parts() }), "template_version"),
        (
            what(
                &settings,
                Parts { content: json!({"fragments": {"offer": "25% off"}, "sms": {"text": "{{ fragments.offer }}"}}), ..parts() },
            ),
            "content.fragments.offer",
        ),
        (what(&settings, Parts { segments: json!({"g": {"city": "Dubai"}}), ..parts() }), "segments.g"),
        (
            what(&settings, Parts { senders: json!({"s": {"provider": "twilio", "price_micros": 9_000}}), ..parts() }),
            "senders.s.price_micros",
        ),
    ];
    for (changed, path) in cases {
        assert_ne!(changed.hash(), approved.hash(), "{path}");
        assert_eq!(approved.changes(&changed), [path]);
        assert_eq!(changed.changes(&approved), [path]);
    }
    assert_eq!(approved.changes(&approved), [""; 0]);
}

#[test]
fn differences_are_bounded() {
    let many = |text: &str| What::stored((0..1_000).map(|n| (format!("{n}{}", "x".repeat(500)), json!(text))).collect());
    let paths = many("a").changes(&many("b"));
    assert_eq!(paths.len(), 100);
    assert!(paths.iter().all(|path| path.len() == 200));
}

#[test]
fn words_are_read_back() {
    for verdict in [Verdict::Pending, Verdict::Approved, Verdict::Rejected, Verdict::Withdrawn, Verdict::Waived] {
        assert_eq!(verdict.as_str().parse::<Verdict>().unwrap(), verdict);
    }
    for subject in [Subject::Campaign, Subject::Change] {
        assert_eq!(subject.as_str().parse::<Subject>().unwrap(), subject);
    }
    assert!("maybe".parse::<Verdict>().is_err() && "".parse::<Subject>().is_err());
}

#[test]
fn settings_that_may_not_change_once_it_runs_are_told_from_those_that_may() {
    let (before, _) = complete();
    let mut after = before.clone();
    after.template_id = Some(TemplateId::new());
    after.expires_after_hours = 5;
    after.budget_micros = Some(1);
    after.rules.clear();
    assert_eq!(settings_changes(&before.fixed(), &after.fixed()).unwrap(), [""; 0]);
    after.list_ids.clear();
    after.channels.get_mut(&Channel::Sms).unwrap().rescue_channel = Some(Channel::Email);
    assert_eq!(settings_changes(&before.fixed(), &after.fixed()).unwrap(), ["channels.sms.rescue_channel", "list_ids"]);
}
