use super::*;
use crate::{Channel, ListId, SenderId, TemplateId};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

const RESUME: Action = Action::Resume { to: Status::Active };

const ACTIONS: [Action; 18] = [
    Action::Edit,
    Action::ChangeBudget,
    Action::Propose,
    Action::Amend,
    Action::Decline,
    Action::Withdraw,
    Action::Requeue,
    Action::Submit,
    Action::Approve,
    Action::Reject,
    Action::Send,
    Action::Pause,
    Action::Resume { to: Status::Scheduled },
    RESUME,
    Action::Cancel,
    Action::Start,
    Action::Complete,
    Action::Fail,
];

/// The whole lifecycle when approval is required; every other move is illegal.
fn legal_moves() -> BTreeMap<(Status, &'static str), Vec<Status>> {
    use Status::{Active, Approved, Cancelled, Completed, Draft, Failed, InReview, Paused, Scheduled};
    let moves = [
        (Draft, "edit", Draft),
        (Draft, "submit", InReview),
        (Draft, "cancel", Cancelled),
        (InReview, "approve", Approved),
        (InReview, "reject", Draft),
        (InReview, "cancel", Cancelled),
        (Approved, "edit", Draft),
        (Approved, "submit", InReview),
        (Approved, "send", Scheduled),
        (Approved, "cancel", Cancelled),
        (Scheduled, "edit", Draft),
        (Scheduled, "start", Active),
        (Scheduled, "pause", Paused),
        (Scheduled, "cancel", Cancelled),
        (Scheduled, "fail", Failed),
        (Active, "pause", Paused),
        (Active, "complete", Completed),
        (Active, "cancel", Cancelled),
        (Active, "fail", Failed),
        (Active, "requeue", Active),
        (Paused, "requeue", Paused),
        (Completed, "requeue", Active),
        (Active, "change_budget", Active),
        (Active, "propose", Active),
        (Active, "amend", Active),
        (Active, "decline", Active),
        (Active, "withdraw", Active),
        (Paused, "change_budget", Paused),
        (Paused, "propose", Paused),
        (Paused, "amend", Paused),
        (Paused, "decline", Paused),
        (Paused, "withdraw", Paused),
        (Paused, "edit", Draft),
        (Paused, "resume", Scheduled),
        (Paused, "resume", Active),
        (Paused, "cancel", Cancelled),
    ];
    let mut table = BTreeMap::<_, Vec<_>>::new();
    for (from, verb, to) in moves {
        table.entry((from, verb)).or_default().push(to);
    }
    table
}

#[test]
fn every_move_outside_of_the_table_is_refused_with_the_state_and_a_remedy() {
    let table = legal_moves();
    for status in Status::ALL {
        for action in ACTIONS {
            match (next(status, action, true), table.get(&(status, action.as_str()))) {
                (Ok(to), Some(allowed)) => assert!(allowed.contains(&to), "{status} {action:?} led to {to}"),
                (Err(error), None) => {
                    let text = error.to_string();
                    assert!(text.contains(status.as_str()) && text.contains(": "), "{text}");
                }
                (outcome, allowed) => panic!("{status} {action:?}: {outcome:?}, the table says {allowed:?}"),
            }
        }
    }
}

#[test]
fn a_pause_is_left_only_to_where_it_was_entered_from() {
    for to in Status::ALL {
        let allowed = matches!(to, Status::Scheduled | Status::Active);
        assert_eq!(next(Status::Paused, Action::Resume { to }, true).is_ok(), allowed, "{to}");
    }
}

#[test]
fn nothing_becomes_active_without_approval_when_it_is_required() {
    let mut seen = BTreeSet::from([Status::Draft]);
    let mut open = vec![Status::Draft];
    while let Some(status) = open.pop() {
        let reached = ACTIONS.into_iter().filter_map(|action| next(status, action, true).ok());
        for to in reached.filter(|to| *to != Status::Approved) {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    assert_eq!(seen, BTreeSet::from([Status::Draft, Status::InReview, Status::Cancelled]));
    for status in Status::ALL {
        for action in ACTIONS.into_iter().filter(|action| *action != Action::Approve) {
            assert_ne!(next(status, action, true), Ok(Status::Approved), "{status} {action:?}");
        }
    }
}

#[test]
fn without_approval_a_submitted_draft_is_approved_at_once() {
    assert_eq!(next(Status::Draft, Action::Submit, false), Ok(Status::Approved));
    assert_eq!(next(Status::Approved, Action::Submit, false), Ok(Status::Approved));
    assert_eq!(next(Status::Scheduled, Action::Edit, false), Ok(Status::Draft));
}

#[test]
fn names_are_read_back() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse::<Status>().unwrap(), status);
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert!("draft".parse::<Status>().is_err());
}

fn sender_facts(channel: Channel, provider: &str) -> SenderFacts {
    SenderFacts { channel, provider: provider.to_owned(), currency: "USD".to_owned(), disconnected: false }
}

fn by_address(whatsapp: &str) -> TemplateFacts {
    TemplateFacts { version: 1, email: true, sms: true, whatsapp: vec![whatsapp.to_owned()], ..TemplateFacts::default() }
}

pub(super) fn complete() -> (Settings, Facts) {
    let (template, list, excluded) = (TemplateId::new(), ListId::new(), ListId::new());
    let senders: BTreeMap<_, _> = Channel::BY_ADDRESS.into_iter().map(|channel| (channel, SenderId::new())).collect();
    let provider = |channel| if channel == Channel::Email { "smtp" } else { "twilio" };
    let facts = Facts {
        templates: [(template, by_address("twilio"))].into(),
        senders: senders.iter().map(|(&channel, &id)| (id, sender_facts(channel, provider(channel)))).collect(),
        lists: [(list, ListFacts { archived: false }), (excluded, ListFacts { archived: false })].into(),
        ..Facts::default()
    };
    let settings = Settings {
        name: "Spring".to_owned(),
        template_id: Some(template),
        channels: senders.into_iter().map(|(channel, id)| (channel, ChannelSettings::of(id))).collect(),
        list_ids: vec![list],
        exclude_list_ids: vec![excluded],
        schedule: Some(ScheduleText { local_time: "2026-12-24T09:00:00".to_owned(), timezone: "Asia/Dubai".to_owned() }),
        expires_after_hours: 72,
        ..Settings::default()
    };
    (settings, facts)
}

fn fields(settings: &Settings, facts: &Facts) -> Vec<(String, bool)> {
    gaps(settings, facts).into_iter().map(|gap| (gap.field, gap.wrong)).collect()
}

#[test]
fn a_complete_campaign_has_no_gaps() {
    let (settings, facts) = complete();
    assert_eq!(gaps(&settings, &facts), []);
}

#[test]
fn an_empty_draft_is_unfinished_but_not_wrong() {
    let found = fields(&Settings::default(), &Facts::default());
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["settings.list_ids", "settings.channels", "settings.template_id"]);
    assert!(found.iter().all(|(_, wrong)| !wrong));
}

#[test]
fn what_is_not_in_the_workspace_is_wrong_and_all_of_it_is_named() {
    let (mut settings, _) = complete();
    settings.schedule = Some(ScheduleText { local_time: "soon".to_owned(), timezone: "Asia/Dubai".to_owned() });
    let found = fields(&settings, &Facts::default());
    let expected = [
        "settings.list_ids[0]",
        "settings.exclude_list_ids[0]",
        "settings.channels[email].sender_id",
        "settings.channels[sms].sender_id",
        "settings.channels[whatsapp].sender_id",
        "settings.template_id",
        "settings.schedule.local_time",
    ];
    assert_eq!(found, expected.map(|field| (field.to_owned(), true)));
}

#[test]
fn an_archived_list_is_a_gap() {
    let (settings, mut facts) = complete();
    facts.lists.values_mut().for_each(|list| list.archived = true);
    assert_eq!(fields(&settings, &facts), [("settings.list_ids[0]".to_owned(), false), ("settings.exclude_list_ids[0]".to_owned(), false)]);
}

#[test]
fn an_archived_template_is_a_gap() {
    let (settings, mut facts) = complete();
    facts.templates.values_mut().for_each(|template| template.archived = true);
    assert_eq!(fields(&settings, &facts), [("settings.template_id".to_owned(), false)]);
}

#[test]
fn a_sender_of_another_channel_is_wrong() {
    let (settings, mut facts) = complete();
    facts.senders.get_mut(&settings.channels[&Channel::Sms].sender_id).unwrap().channel = Channel::Whatsapp;
    assert_eq!(fields(&settings, &facts), [("settings.channels[sms].sender_id".to_owned(), true)]);
}

#[test]
fn every_channel_needs_its_variant_and_whatsapp_that_of_its_provider() {
    let (settings, mut facts) = complete();
    let template = settings.template_id.unwrap();
    facts.templates.insert(template, TemplateFacts { version: 1, ..TemplateFacts::default() });
    assert_eq!(gaps(&settings, &facts).len(), 3);
    facts.templates.insert(template, by_address("meta"));
    let found = gaps(&settings, &facts);
    assert_eq!(found.len(), 1);
    assert!(found[0].problem.contains("twilio"), "{}", found[0].problem);
}

#[test]
fn a_time_in_the_past_is_due_now() {
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let at = |local_time: &str| ScheduleText { local_time: local_time.to_owned(), timezone: "Asia/Dubai".to_owned() };
    assert_eq!(at("2026-01-01T00:00:00").due_at(now).unwrap(), now);
    assert_eq!(at("2030-01-01T00:00:00").due_at(now), at("2030-01-01T00:00:00").instant());
    assert!(at("soon").due_at(now).is_err());
}
