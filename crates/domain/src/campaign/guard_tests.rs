use super::{tests::complete, *};
use crate::{Channel, SenderId, gate::Engagement};

/// What is wrong, after a change to settings that had nothing wrong.
fn wrong(change: impl FnOnce(&mut Settings, &mut Facts)) -> Vec<String> {
    let (mut settings, mut facts) = complete();
    change(&mut settings, &mut facts);
    let gaps = gaps(&settings, &facts);
    assert!(gaps.iter().all(|gap| gap.wrong), "{gaps:?}");
    gaps.into_iter().map(|gap| gap.field).collect()
}

fn of(settings: &mut Settings, channel: Channel) -> &mut ChannelSettings {
    settings.channels.get_mut(&channel).unwrap()
}

fn rule(on_channel: Channel, skip_channel: Channel, within_hours: u32) -> EngagementRule {
    EngagementRule { on_channel, engagement: Engagement::Opened, within_hours, skip_channel }
}

/// A second sender for a channel.
fn another(facts: &mut Facts, channel: Channel, provider: &str, currency: &str) -> SenderId {
    let id = SenderId::new();
    facts.senders.insert(id, SenderFacts { channel, provider: provider.to_owned(), currency: currency.to_owned(), disconnected: false });
    id
}

#[test]
fn guards_that_fit_leave_no_gap() {
    let found = wrong(|settings, facts| {
        settings.budget_micros = Some(5_000_000);
        settings.rules = vec![rule(Channel::Email, Channel::Sms, 48), rule(Channel::Whatsapp, Channel::Email, 0)];
        of(settings, Channel::Sms).budget_micros = Some(5_000_000);
        of(settings, Channel::Sms).rescue_only = true;
        of(settings, Channel::Email).fallback_sender_id = Some(another(facts, Channel::Email, "sendgrid", "USD"));
        of(settings, Channel::Whatsapp).rescue_channel = Some(Channel::Sms);
        of(settings, Channel::Sms).rescue_channel = Some(Channel::Email);
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_budget_is_above_nothing_and_no_part_is_above_the_whole() {
    let found = wrong(|settings, _| {
        settings.budget_micros = Some(0);
        of(settings, Channel::Email).budget_micros = Some(-1);
        of(settings, Channel::Sms).budget_micros = Some(1);
    });
    let expected = ["settings.budget_micros", "settings.channels[email].budget_micros", "settings.channels[sms].budget_micros"];
    assert_eq!(found, expected);
}

#[test]
fn amounts_of_two_currencies_are_not_added_up() {
    let euros = |facts: &mut Facts, id: SenderId| "EUR".clone_into(&mut facts.senders.get_mut(&id).unwrap().currency);
    let total = wrong(|settings, facts| {
        settings.budget_micros = Some(1);
        euros(facts, settings.channels[&Channel::Sms].sender_id);
    });
    assert_eq!(total, ["settings.budget_micros"]);
    let apart = wrong(|settings, facts| {
        of(settings, Channel::Sms).budget_micros = Some(1);
        of(settings, Channel::Email).budget_micros = Some(1);
        euros(facts, settings.channels[&Channel::Sms].sender_id);
    });
    assert_eq!(apart, [""; 0]);
    let fallback = wrong(|settings, facts| {
        of(settings, Channel::Sms).budget_micros = Some(1);
        of(settings, Channel::Sms).fallback_sender_id = Some(another(facts, Channel::Sms, "twilio", "EUR"));
    });
    assert_eq!(fallback, ["settings.channels[sms].budget_micros"]);
}

#[test]
fn a_rule_is_about_two_channels_of_the_campaign() {
    let found = wrong(|settings, _| {
        settings.channels.remove(&Channel::Whatsapp);
        settings.rules = vec![rule(Channel::Whatsapp, Channel::Sms, 8_785), rule(Channel::Sms, Channel::Sms, 1)];
    });
    assert_eq!(found, ["settings.rules[0].on_channel", "settings.rules[0].within_hours", "settings.rules[1].skip_channel"]);
    assert_eq!(wrong(|settings, _| settings.rules = vec![rule(Channel::Email, Channel::Sms, 1); 21]), ["settings.rules"]);
}

#[test]
fn a_fallback_is_another_sender_of_the_same_channel() {
    let found = wrong(|settings, _| {
        let (email, sms) = (settings.channels[&Channel::Email].sender_id, settings.channels[&Channel::Sms].sender_id);
        of(settings, Channel::Email).fallback_sender_id = Some(email);
        of(settings, Channel::Whatsapp).fallback_sender_id = Some(sms);
        of(settings, Channel::Sms).fallback_sender_id = Some(SenderId::new());
    });
    let expected = Channel::BY_ADDRESS.map(|channel| format!("settings.channels[{channel}].fallback_sender_id"));
    assert_eq!(found, expected);
}

#[test]
fn a_fallback_for_whatsapp_needs_its_providers_variant() {
    let (mut settings, mut facts) = complete();
    of(&mut settings, Channel::Whatsapp).fallback_sender_id = Some(another(&mut facts, Channel::Whatsapp, "meta", "USD"));
    let found = gaps(&settings, &facts);
    assert_eq!(found.len(), 1);
    assert!(found[0].problem.contains("meta") && !found[0].wrong, "{found:?}");
}

#[test]
fn rescues_go_to_channels_that_are_there_and_never_in_a_circle() {
    let found = wrong(|settings, _| {
        settings.channels.remove(&Channel::Whatsapp);
        of(settings, Channel::Sms).rescue_channel = Some(Channel::Whatsapp);
    });
    assert_eq!(found, ["settings.channels[sms].rescue_channel"]);
    let found = wrong(|settings, _| {
        of(settings, Channel::Email).rescue_channel = Some(Channel::Sms);
        of(settings, Channel::Sms).rescue_channel = Some(Channel::Email);
        of(settings, Channel::Whatsapp).rescue_channel = Some(Channel::Sms);
    });
    assert_eq!(found, ["settings.channels[email].rescue_channel", "settings.channels[sms].rescue_channel"]);
    assert_eq!(wrong(|settings, _| of(settings, Channel::Sms).rescue_only = true), ["settings.channels[sms].rescue_only"]);
    let found = wrong(|settings, _| {
        settings.channels.retain(|channel, _| *channel == Channel::Sms);
        of(settings, Channel::Sms).rescue_only = true;
    });
    assert_eq!(found, ["settings.channels[sms].rescue_only", "settings.channels"]);
}

#[test]
fn budgets_can_be_told_from_the_rest() {
    let (settings, _) = complete();
    let mut richer = settings.clone();
    richer.budget_micros = Some(1);
    of(&mut richer, Channel::Sms).budget_micros = Some(1);
    assert_ne!(richer, settings);
    assert_eq!(richer.without_budgets(), settings);
    assert_eq!(richer.budgets().collect::<Vec<_>>(), [None, Some(Channel::Sms)]);
}
