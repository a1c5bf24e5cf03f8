use super::*;
use time::macros::{datetime, time};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

fn policy() -> Policy {
    let timezone = "UTC".to_owned();
    Policy { channel: Channel::Sms, transactional: false, caps: Vec::new(), rules: Vec::new(), quiet: None, timezone, topic: None }
}

fn engaged(channel: Channel) -> Engaged {
    Engaged { channel, opened_at: None, clicked_at: None, replied_at: None, converted_at: None }
}

fn rule_of(decision: &Decision) -> &str {
    match decision {
        Decision::Suppress { rule, .. } | Decision::Defer { rule, .. } => rule,
        Decision::Pass => "pass",
        Decision::AlreadySent => "already sent",
    }
}

#[test]
fn nothing_stops_what_no_rule_is_about() {
    assert_eq!(decide(&policy(), &Known::default(), NOW), Decision::Pass);
    for name in Engagement::ALL {
        assert_eq!(name.as_str().parse::<Engagement>().unwrap(), name);
    }
}

#[test]
fn the_first_rule_in_order_decides() {
    let everything = Policy {
        caps: vec![Cap { channel: None, max_messages: 1, window_hours: 24 }],
        rules: vec![Rule { on: Channel::Email, engagement: Engagement::Opened, within_hours: 48 }],
        quiet: Some(QuietHours { start: time!(11:00), end: time!(13:00) }),
        ..policy()
    };
    let mut known = Known {
        deleted: true,
        opted_out: true,
        left_topic: true,
        sent_on_all: 1,
        engaged: vec![Engaged { opened_at: Some(NOW), ..engaged(Channel::Email) }],
        bits: Bits::DELIVERED,
        ..Known::default()
    };
    let mut seen = Vec::new();
    let mut see = |known: &Known| seen.push(rule_of(&decide(&everything, known, NOW)).to_owned());
    see(&known);
    known.bits = Bits::NONE;
    see(&known);
    known.deleted = false;
    see(&known);
    known.opted_out = false;
    see(&known);
    known.left_topic = false;
    see(&known);
    known.engaged.clear();
    see(&known);
    known.sent_on_all = 0;
    see(&known);
    let expected = [
        "already sent",
        "contact_deleted",
        "opt_out",
        "topic",
        "opened email within 48 h skips sms",
        "frequency_cap: 1 messages in 24 h",
        "quiet hours 11:00–13:00 UTC",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn engagement_counts_on_its_channel_within_its_time() {
    let with = |engagement, within_hours, engaged: Engaged| {
        let policy = Policy { rules: vec![Rule { on: Channel::Email, engagement, within_hours }], ..policy() };
        decide(&policy, &Known { engaged: vec![engaged], ..Known::default() }, NOW) != Decision::Pass
    };
    let hours_ago = |hours| Some(NOW - Duration::hours(hours));
    let opened = |hours| Engaged { opened_at: hours_ago(hours), ..engaged(Channel::Email) };
    assert!(with(Engagement::Opened, 48, opened(47)));
    assert!(!with(Engagement::Opened, 48, opened(48)), "the window is open at its far end");
    assert!(with(Engagement::Opened, 0, opened(9_999)), "0 is ever");
    assert!(!with(Engagement::Opened, 48, Engaged { channel: Channel::Whatsapp, ..opened(1) }));
    assert!(!with(Engagement::Clicked, 48, opened(1)), "an open is no click");
    let clicked = Engaged { clicked_at: hours_ago(1), ..opened(99) };
    assert!(with(Engagement::Opened, 48, clicked), "a click is an open");
    assert!(with(Engagement::Replied, 2, Engaged { replied_at: hours_ago(1), ..engaged(Channel::Email) }));
    assert!(with(Engagement::Converted, 2, Engaged { converted_at: hours_ago(1), ..engaged(Channel::Email) }));
}

#[test]
fn each_cap_counts_its_own_messages() {
    let caps = vec![
        Cap { channel: Some(Channel::Sms), max_messages: 2, window_hours: 24 },
        Cap { channel: None, max_messages: 5, window_hours: 168 },
    ];
    let policy = Policy { caps, ..policy() };
    let judge = |sent_on_channel, sent_on_all| {
        let decision = decide(&policy, &Known { sent_on_channel, sent_on_all, ..Known::default() }, NOW);
        rule_of(&decision).to_owned()
    };
    assert_eq!(judge(1, 4), "pass");
    assert_eq!(judge(2, 4), "frequency_cap: 2 sms in 24 h");
    assert_eq!(judge(0, 5), "frequency_cap: 5 messages in 168 h");
}

#[test]
fn what_a_person_waits_for_is_neither_capped_nor_put_off() {
    let policy = Policy {
        transactional: true,
        caps: vec![Cap { channel: None, max_messages: 1, window_hours: 24 }],
        quiet: Some(QuietHours { start: time!(11:00), end: time!(13:00) }),
        rules: vec![Rule { on: Channel::Email, engagement: Engagement::Opened, within_hours: 0 }],
        ..policy()
    };
    let known = Known { sent_on_all: 9, ..Known::default() };
    assert_eq!(decide(&policy, &known, NOW), Decision::Pass);
    assert!(matches!(decide(&policy, &Known { opted_out: true, ..known.clone() }, NOW), Decision::Suppress { .. }));
    let opened = Engaged { opened_at: Some(NOW), ..engaged(Channel::Email) };
    assert!(matches!(decide(&policy, &Known { engaged: vec![opened], ..known }, NOW), Decision::Suppress { .. }));
}

#[test]
fn a_positive_report_of_an_earlier_try_wins() {
    let judge = |bits, doubtful| decide(&policy(), &Known { bits, doubtful, ..Known::default() }, NOW);
    for bits in [Bits::DELIVERED, Bits::OPENED, Bits::CLICKED] {
        assert_eq!(judge(bits, false), Decision::AlreadySent);
    }
    // Accepted and then failed: that is what it is tried again for.
    assert_eq!(judge(Bits::ACCEPTED | Bits::FAILED, false), Decision::Pass);
    // But when nobody knew whether an earlier try had left, any word of it says that it had.
    assert_eq!(judge(Bits::SENT, true), Decision::AlreadySent);
    assert_eq!(judge(Bits::UNCERTAIN, true), Decision::Pass);
    // A doubt about the second try isn't settled by what was said of the first.
    assert_eq!(judge(Bits::ACCEPTED | Bits::FAILED, true), Decision::Pass);
    assert_eq!(judge(Bits::ACCEPTED | Bits::FAILED | Bits::DELIVERED, true), Decision::AlreadySent);
}
