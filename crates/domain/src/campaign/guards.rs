//! What a campaign's guards must be: budgets, rules across channels, senders that step in, channels that rescue.

use super::{
    Settings,
    complete::{Facts, Gaps},
};
use crate::Channel;
use std::collections::BTreeSet;

/// Rules of one campaign at most.
pub const MAX_RULES: usize = 20;
/// The longest window of a rule: a leap year.
pub const MAX_WINDOW_HOURS: u32 = 366 * 24;

/// Notes everything that can never work. None of it may be stored.
pub(super) fn check(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    budgets(settings, gaps);
    currencies(settings, facts, gaps);
    rules(settings, gaps);
    fallbacks(settings, facts, gaps);
    rescues(settings, gaps);
}

fn budgets(settings: &Settings, gaps: &mut Gaps) {
    if settings.budget_micros.is_some_and(|budget| budget <= 0) {
        gaps.wrong("settings.budget_micros", "must be above 0; leave it out for no limit");
    }
    for (channel, of) in &settings.channels {
        let Some(part) = of.budget_micros else { continue };
        let field = format!("settings.channels[{channel}].budget_micros");
        if part <= 0 {
            gaps.wrong(field, "must be above 0; leave it out for no limit of its own");
        } else if settings.budget_micros.is_some_and(|total| part > total) {
            gaps.wrong(field, "is more than the campaign's budget: lower it, or raise settings.budget_micros");
        }
    }
}

/// Amounts of different currencies can't be added up.
fn currencies(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    let of = |channels: &mut dyn Iterator<Item = Channel>| -> BTreeSet<&str> {
        let senders = channels.filter_map(|channel| settings.channels.get(&channel)).flat_map(super::ChannelSettings::senders);
        senders.filter_map(|id| facts.senders.get(&id)).map(|sender| sender.currency.as_str()).collect()
    };
    let joined = |currencies: BTreeSet<&str>| currencies.into_iter().collect::<Vec<_>>().join(" and ");
    if settings.budget_micros.is_some() {
        let currencies = of(&mut settings.channels.keys().copied());
        if currencies.len() > 1 {
            let problem = format!(
                "the senders are paid in {}: a budget needs senders of one currency, or give each channel its own budget instead",
                joined(currencies)
            );
            gaps.wrong("settings.budget_micros", problem);
        }
        return;
    }
    for (channel, _) in settings.channels.iter().filter(|(_, of)| of.budget_micros.is_some()) {
        let currencies = of(&mut std::iter::once(*channel));
        if currencies.len() > 1 {
            let problem = format!("its senders are paid in {}: choose a fallback of the same currency", joined(currencies));
            gaps.wrong(format!("settings.channels[{channel}].budget_micros"), problem);
        }
    }
}

fn rules(settings: &Settings, gaps: &mut Gaps) {
    if settings.rules.len() > MAX_RULES {
        gaps.wrong("settings.rules", format!("must be at most {MAX_RULES} rules"));
    }
    for (index, rule) in settings.rules.iter().enumerate().take(MAX_RULES) {
        for (name, channel) in [("on_channel", rule.on_channel), ("skip_channel", rule.skip_channel)] {
            if !settings.channels.contains_key(&channel) {
                gaps.wrong(
                    format!("settings.rules[{index}].{name}"),
                    format!("{channel} is not a channel of this campaign: add it, or drop the rule"),
                );
            }
        }
        for (name, channel) in [("on_channel", rule.on_channel), ("skip_channel", rule.skip_channel)] {
            if !channel.has_contact() {
                let problem = format!("nobody in particular gets {channel}: choose a channel that goes to contacts");
                gaps.wrong(format!("settings.rules[{index}].{name}"), problem);
            }
        }
        if rule.on_channel == rule.skip_channel {
            gaps.wrong(format!("settings.rules[{index}].skip_channel"), "must be another channel than the one engaged on");
        }
        if rule.within_hours > MAX_WINDOW_HOURS {
            gaps.wrong(format!("settings.rules[{index}].within_hours"), format!("must be at most {MAX_WINDOW_HOURS}, or 0 for ever"));
        }
    }
}

fn fallbacks(settings: &Settings, facts: &Facts, gaps: &mut Gaps) {
    for (channel, of) in &settings.channels {
        let Some(id) = of.fallback_sender_id else { continue };
        if channel.has_several_senders() {
            let problem = format!("each sender of {channel} has its own readers, and none can step in for another: leave it out");
            gaps.wrong(format!("settings.channels[{channel}].fallback_sender_id"), problem);
            continue;
        }
        let field = format!("settings.channels[{channel}].fallback_sender_id");
        match facts.senders.get(&id) {
            _ if id == of.sender_id => gaps.wrong(field, "must be another sender than the first one, or be left out"),
            None => gaps.wrong(field, format!("there is no sender {id}")),
            Some(sender) if sender.channel != *channel => {
                gaps.wrong(field, format!("this sender is for {}, not for {channel}", sender.channel));
            }
            Some(_) => {}
        }
    }
}

fn rescues(settings: &Settings, gaps: &mut Gaps) {
    for (channel, of) in &settings.channels {
        let Some(rescue) = of.rescue_channel else { continue };
        let field = format!("settings.channels[{channel}].rescue_channel");
        if !rescue.has_contact() || !channel.has_contact() {
            gaps.wrong(field, "a post goes to everybody, so it can't make good what failed for one contact, or be made good: leave it out");
        } else if !settings.channels.contains_key(&rescue) {
            gaps.wrong(field, format!("{rescue} is not a channel of this campaign: add it with its sender"));
        } else if leads_back(settings, *channel) {
            gaps.wrong(field, "the rescues go in a circle: a channel can't rescue what it failed to reach itself");
        }
    }
    let rescuing: BTreeSet<_> = settings.channels.values().filter_map(|of| of.rescue_channel).collect();
    for (channel, _) in settings.channels.iter().filter(|(channel, of)| of.rescue_only && !rescuing.contains(channel)) {
        let problem = format!("no channel is rescued by {channel}: name it as the rescue_channel of one, or turn rescue_only off");
        gaps.wrong(format!("settings.channels[{channel}].rescue_only"), problem);
    }
    if !settings.channels.is_empty() && settings.channels.values().all(|of| of.rescue_only) {
        gaps.wrong("settings.channels", "every channel only rescues, so nobody would be sent to: turn rescue_only off for one");
    }
}

/// Whether following the rescues from a channel comes back to it.
fn leads_back(settings: &Settings, from: Channel) -> bool {
    let next = |channel: Channel| settings.channels.get(&channel).and_then(|of| of.rescue_channel);
    let mut at = next(from);
    for _ in 0..settings.channels.len() {
        match at {
            Some(channel) if channel == from => return true,
            Some(channel) => at = next(channel),
            None => return false,
        }
    }
    false
}
