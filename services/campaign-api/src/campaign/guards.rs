//! The guards in a request's settings: budgets, the lane, rules across channels, senders that step in, channels that rescue.

use super::settings::Wrong;
use domain::{
    Channel,
    campaign::{ChannelSettings, EngagementRule, Lane, MAX_ALSO_SENDERS, MAX_RULES},
    sms::{MAX_SEGMENTS, MAX_SEGMENTS_DEFAULT},
};
use proto::{
    campaign as wire,
    convert::{channel, channel_number, engagement, engagement_number, lane as read_lane},
};
use std::collections::BTreeMap;

const CHANNELS: &str = "must be email, sms, whatsapp, push or social";

/// An amount that may be left out.
pub fn budget(micros: i64) -> Option<i64> {
    (micros != 0).then_some(micros)
}

pub fn lane(number: i32, wrong: &mut Wrong) -> Lane {
    read_lane(number).unwrap_or_else(|| {
        wrong.add("settings.lane", "must be BULK or TRANSACTIONAL");
        Lane::Bulk
    })
}

pub fn channels(settings: &[wire::ChannelSetting], wrong: &mut Wrong) -> BTreeMap<Channel, ChannelSettings> {
    let mut read = BTreeMap::new();
    for (index, setting) in settings.iter().enumerate() {
        let Some(channel) = channel(setting.channel) else {
            wrong.add(format!("settings.channels[{index}].channel"), CHANNELS);
            continue;
        };
        if read.insert(channel, of_channel(channel, setting, wrong)).is_some() {
            wrong.add(format!("settings.channels[{index}].channel"), format!("{channel} is there twice"));
        }
    }
    read
}

fn of_channel(of: Channel, setting: &wire::ChannelSetting, wrong: &mut Wrong) -> ChannelSettings {
    let field = |name: &str| format!("settings.channels[{of}].{name}");
    let rescue_channel = channel(setting.rescue_channel);
    if rescue_channel.is_none() && setting.rescue_channel != 0 {
        wrong.add(field("rescue_channel"), CHANNELS);
    }
    let max_segments = (setting.max_segments != 0).then_some(setting.max_segments);
    if max_segments.is_some() && of != Channel::Sms {
        wrong.add(field("max_segments"), "only texts are cut into segments: leave it out");
    } else if max_segments.is_some_and(|most| most > MAX_SEGMENTS) {
        wrong.add(field("max_segments"), format!("must be 1 to {MAX_SEGMENTS}, or 0 for {MAX_SEGMENTS_DEFAULT}"));
    }
    let fallback = &setting.fallback_sender_id;
    ChannelSettings {
        sender_id: wrong.id(&field("sender_id"), &setting.sender_id),
        budget_micros: budget(setting.budget_micros),
        fallback_sender_id: (!fallback.is_empty()).then(|| wrong.id(&field("fallback_sender_id"), fallback)),
        rescue_channel,
        rescue_only: setting.rescue_only,
        also_sender_ids: wrong.ids(&field("also_sender_ids"), &setting.also_sender_ids, (MAX_ALSO_SENDERS, "senders")),
        max_segments,
    }
}

/// Rules; of more than any campaign may have, only one too many is read. None when one of them can't be read: what is said of the
/// others counts them as they were given.
pub fn rules(rules: &[wire::EngagementRule], wrong: &mut Wrong) -> Vec<EngagementRule> {
    let given = rules.iter().take(MAX_RULES + 1).enumerate();
    let read: Vec<_> = given.map(|(index, rule)| read_rule(index, rule, wrong)).collect();
    read.into_iter().collect::<Option<_>>().unwrap_or_default()
}

fn read_rule(index: usize, rule: &wire::EngagementRule, wrong: &mut Wrong) -> Option<EngagementRule> {
    let mut need = |name: &str, found: bool, what: &str| {
        if !found {
            wrong.add(format!("settings.rules[{index}].{name}"), what);
        }
    };
    let (on_channel, skip_channel, did) = (channel(rule.on_channel), channel(rule.skip_channel), engagement(rule.engagement));
    need("on_channel", on_channel.is_some(), CHANNELS);
    need("engagement", did.is_some(), "must be OPENED, CLICKED, REPLIED or CONVERTED");
    need("skip_channel", skip_channel.is_some(), CHANNELS);
    let (on_channel, skip_channel, engagement) = (on_channel?, skip_channel?, did?);
    Some(EngagementRule { on_channel, engagement, within_hours: rule.within_hours, skip_channel })
}

/// A channel's settings as callers see them.
pub fn present_channel((channel, of): (&Channel, &ChannelSettings)) -> wire::ChannelSetting {
    wire::ChannelSetting {
        channel: channel_number(*channel),
        sender_id: of.sender_id.to_string(),
        budget_micros: of.budget_micros.unwrap_or_default(),
        fallback_sender_id: of.fallback_sender_id.map(|id| id.to_string()).unwrap_or_default(),
        rescue_channel: of.rescue_channel.map(channel_number).unwrap_or_default(),
        rescue_only: of.rescue_only,
        also_sender_ids: of.also_sender_ids.iter().map(ToString::to_string).collect(),
        max_segments: of.max_segments.unwrap_or_default(),
    }
}

/// A rule as callers see it.
pub fn present_rule(rule: &EngagementRule) -> wire::EngagementRule {
    wire::EngagementRule {
        on_channel: channel_number(rule.on_channel),
        engagement: engagement_number(rule.engagement),
        within_hours: rule.within_hours,
        skip_channel: channel_number(rule.skip_channel),
    }
}
