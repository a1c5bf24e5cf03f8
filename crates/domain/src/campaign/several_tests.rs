//! Channels that may have several senders, and the one without contacts.

use super::{tests::complete, *};
use crate::{Channel, SenderId, content::Network, gate::Engagement};

fn sender(facts: &mut Facts, channel: Channel, provider: &str) -> SenderId {
    let id = SenderId::new();
    facts.senders.insert(id, SenderFacts { channel, provider: provider.to_owned(), currency: "USD".to_owned(), disconnected: false });
    id
}

/// By two apps, and on two networks.
fn on_all() -> (Settings, Facts) {
    let (mut settings, mut facts) = complete();
    for (channel, providers) in [(Channel::Push, ["fcm", "webpush"]), (Channel::Social, ["facebook", "x"])] {
        let [first, also] = providers.map(|provider| sender(&mut facts, channel, provider));
        settings.channels.insert(channel, ChannelSettings { also_sender_ids: vec![also], ..ChannelSettings::of(first) });
    }
    for template in facts.templates.values_mut() {
        template.push = true;
        template.social = Network::ALL.to_vec();
    }
    (settings, facts)
}

fn fields(change: impl FnOnce(&mut Settings, &mut Facts)) -> Vec<(String, bool)> {
    let (mut settings, mut facts) = on_all();
    change(&mut settings, &mut facts);
    gaps(&settings, &facts).into_iter().map(|gap| (gap.field, gap.wrong)).collect()
}

fn of(settings: &mut Settings, channel: Channel) -> &mut ChannelSettings {
    settings.channels.get_mut(&channel).unwrap()
}

#[test]
fn apps_and_accounts_stand_side_by_side() {
    assert_eq!(fields(|_, _| {}), []);
    let (settings, _) = on_all();
    let push = &settings.channels[&Channel::Push];
    assert_eq!(push.parts().collect::<Vec<_>>(), [push.sender_id, push.also_sender_ids[0]]);
    assert_eq!(settings.senders().count(), 3 + 2 + 2);
    assert!(
        serde_json::to_value(&settings).unwrap()["channels"]["email"].get("also_sender_ids").is_none(),
        "what nobody uses is no part of an approval"
    );
}

#[test]
fn each_of_several_senders_is_of_the_channel_and_there_once() {
    let found = fields(|settings, facts| {
        let sms = sender(facts, Channel::Sms, "twilio");
        let first = of(settings, Channel::Social).sender_id;
        of(settings, Channel::Social).also_sender_ids.extend([first, sms, SenderId::new()]);
        of(settings, Channel::Email).also_sender_ids = vec![sender(facts, Channel::Email, "smtp")];
    });
    let wrong = [
        "settings.channels[email].also_sender_ids",
        "settings.channels[social].also_sender_ids[1]",
        "settings.channels[social].also_sender_ids[2]",
        "settings.channels[social].also_sender_ids[3]",
    ];
    assert_eq!(found, wrong.map(|field| (field.to_owned(), true)));
    let many = fields(|settings, facts| {
        of(settings, Channel::Push).also_sender_ids = (0..=MAX_ALSO_SENDERS).map(|_| sender(facts, Channel::Push, "fcm")).collect();
    });
    assert_eq!(many, [("settings.channels[push].also_sender_ids".to_owned(), true)]);
}

#[test]
fn each_account_needs_something_for_its_network() {
    let found = fields(|_, facts| facts.templates.values_mut().for_each(|template| template.social = vec![Network::Facebook]));
    assert_eq!(found, [("settings.template_id".to_owned(), false)]);
    let found = fields(|_, facts| {
        facts.templates.values_mut().for_each(|template| (template.push, template.social) = (false, Vec::new()));
    });
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn posts_alone_need_no_audience() {
    let alone = |settings: &mut Settings| {
        settings.channels.retain(|channel, _| *channel == Channel::Social);
        settings.list_ids.clear();
    };
    assert_eq!(fields(|settings, _| alone(settings)), []);
    let found = fields(|settings, _| {
        settings.channels.retain(|channel, _| *channel == Channel::Push);
        settings.list_ids.clear();
    });
    assert_eq!(found, [("settings.list_ids".to_owned(), false)]);
}

#[test]
fn a_post_is_for_nobody_in_particular() {
    let found = fields(|settings, facts| {
        of(settings, Channel::Email).rescue_channel = Some(Channel::Social);
        of(settings, Channel::Social).rescue_channel = Some(Channel::Sms);
        settings.rules = vec![
            EngagementRule { on_channel: Channel::Email, engagement: Engagement::Opened, within_hours: 1, skip_channel: Channel::Social },
            EngagementRule { on_channel: Channel::Push, engagement: Engagement::Clicked, within_hours: 1, skip_channel: Channel::Sms },
        ];
        for channel in [Channel::Push, Channel::Social] {
            of(settings, channel).fallback_sender_id = Some(sender(facts, channel, "fcm"));
        }
    });
    let mut found: Vec<_> = found.into_iter().map(|(field, wrong)| (wrong, field)).collect();
    found.sort();
    let wrong = [
        "settings.channels[email].rescue_channel",
        "settings.channels[push].fallback_sender_id",
        "settings.channels[social].fallback_sender_id",
        "settings.channels[social].rescue_channel",
        "settings.rules[0].skip_channel",
    ];
    assert_eq!(found, wrong.map(|field| (true, field.to_owned())));
}
