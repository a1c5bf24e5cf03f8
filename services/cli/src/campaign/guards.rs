//! How a campaign's guards are written on the command line: budgets, fallbacks, rescues and rules across channels.

use super::tracking::{self, TrackingArgs};
use crate::{
    output::{channel_name, number},
    resolve,
};
use anyhow::{Result, bail};
use clap::Args;
use domain::{
    Channel,
    campaign::Lane,
    gate::{Engagement, UnknownEngagement},
};
use proto::{
    campaign::{ChannelSetting, EngagementRule, Settings},
    convert::{channel_number, engagement, engagement_number, lane, lane_number},
    sender::Sender,
};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Guards")]
pub struct GuardArgs {
    /// The most that it may cost, in its senders' currency, such as 250 or 12.50
    #[arg(long, value_name = "AMOUNT", value_parser = number::micros)]
    pub budget: Option<i64>,
    /// The most that one channel may cost; repeat for more
    #[arg(long = "channel-budget", value_name = "CHANNEL=AMOUNT", value_parser = amount)]
    pub channel_budgets: Vec<(Channel, i64)>,
    /// "transactional" never waits behind bulk, and is free of quiet hours and frequency caps
    #[arg(long, value_parser = lane_name)]
    lane: Option<Lane>,
    /// Sender that steps in while the channel's own is down or paused; repeat for more
    #[arg(long = "fallback", value_name = "CHANNEL=SENDER", value_parser = named)]
    fallbacks: Vec<(Channel, String)>,
    /// Channel that is tried for those whom another certainly did not reach, such as whatsapp=sms; repeat for more
    #[arg(long = "rescue", value_name = "CHANNEL=CHANNEL", value_parser = pair)]
    rescues: Vec<(Channel, Channel)>,
    /// Channel that nobody is selected for: it only rescues; repeat for more
    #[arg(long = "rescue-only", value_name = "CHANNEL")]
    rescue_only: Vec<Channel>,
    /// How many messages one text may make, 1 to 24; 4 unless set
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=24))]
    max_segments: Option<u32>,
    /// Such as "opened email within 48h skips sms"; without "within": ever. Repeat for more
    #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
    rules: Vec<EngagementRule>,
    #[command(flatten)]
    tracking: TrackingArgs,
}

impl GuardArgs {
    /// Puts the guards into settings whose channels are chosen.
    ///
    /// # Errors
    /// When they name a channel that the campaign hasn't got, or a sender that isn't there.
    pub fn apply(self, settings: &mut Settings, senders: &[Sender]) -> Result<()> {
        settings.budget_micros = self.budget.unwrap_or_default();
        settings.lane = lane_number(self.lane.unwrap_or_default());
        settings.rules = self.rules;
        self.tracking.change(settings);
        for (channel, sender) in self.fallbacks {
            let found = resolve::sender_of(senders, channel, &sender)?;
            of(settings, channel)?.fallback_sender_id.clone_from(&found.id);
        }
        for (channel, rescue) in self.rescues {
            of(settings, channel)?.rescue_channel = channel_number(rescue);
        }
        for channel in self.rescue_only {
            of(settings, channel)?.rescue_only = true;
        }
        if let Some(most) = self.max_segments {
            of(settings, Channel::Sms)?.max_segments = most;
        }
        set_budgets(settings, &self.channel_budgets)
    }
}

/// Sets the budgets of channels.
///
/// # Errors
/// When they name a channel that the campaign hasn't got.
pub fn set_budgets(settings: &mut Settings, budgets: &[(Channel, i64)]) -> Result<()> {
    for (channel, micros) in budgets {
        of(settings, *channel)?.budget_micros = *micros;
    }
    Ok(())
}

fn of(settings: &mut Settings, channel: Channel) -> Result<&mut ChannelSetting> {
    match settings.channels.iter_mut().find(|setting| setting.channel == channel_number(channel)) {
        Some(setting) => Ok(setting),
        None => bail!("the campaign has no channel {channel}: add --channel {channel}"),
    }
}

fn read_channel(text: &str) -> Result<Channel, String> {
    text.trim().parse().map_err(|error: domain::channel::UnknownChannel| error.to_string())
}

fn named(text: &str) -> Result<(Channel, String), String> {
    let (channel, name) = text.split_once('=').ok_or("write it like sms=NAME")?;
    Ok((read_channel(channel)?, name.to_owned()))
}

pub fn amount(text: &str) -> Result<(Channel, i64), String> {
    let (channel, amount) = named(text)?;
    Ok((channel, number::micros(&amount)?))
}

fn pair(text: &str) -> Result<(Channel, Channel), String> {
    let (channel, rescue) = named(text)?;
    Ok((channel, read_channel(&rescue)?))
}

fn lane_name(text: &str) -> Result<Lane, String> {
    text.parse().map_err(|error: domain::campaign::UnknownLane| error.to_string())
}

/// `opened email within 48h skips sms`, `clicked sms skips whatsapp`.
///
/// # Errors
/// When it is no such sentence.
pub fn rule(text: &str) -> Result<EngagementRule, String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (did, on, within, skipped) = match words.as_slice() {
        [did, on, "within", within, "skips", skipped] => (did, on, hours(within)?, skipped),
        [did, on, "skips", skipped] => (did, on, 0, skipped),
        _ => return Err("write it like \"opened email within 48h skips sms\"".to_owned()),
    };
    let engagement: Engagement = did.parse().map_err(|error: UnknownEngagement| error.to_string())?;
    Ok(EngagementRule {
        on_channel: channel_number(read_channel(on)?),
        engagement: engagement_number(engagement),
        within_hours: within,
        skip_channel: channel_number(read_channel(skipped)?),
    })
}

/// `48h` or `2d`, in hours.
///
/// # Errors
/// When it is no such span.
pub fn hours(text: &str) -> Result<u32, String> {
    let refused = || format!("{text:?} is no span of time: write it like 48h or 2d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let factor = match unit {
        "h" => 1,
        "d" => 24,
        _ => return Err(refused()),
    };
    let number: u32 = number.parse().map_err(|_| refused())?;
    number.checked_mul(factor).filter(|hours| *hours > 0).ok_or_else(refused)
}

/// The guards of a campaign, a line each, for people.
pub fn describe(settings: &Settings, senders: &[Sender]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if settings.budget_micros > 0 {
        lines.push(("budget", number::amount(settings.budget_micros)));
    }
    if lane(settings.lane) == Some(Lane::Transactional) {
        lines.push(("lane", "transactional".to_owned()));
    }
    for setting in &settings.channels {
        let parts = of_channel(setting, senders);
        if !parts.is_empty() {
            lines.push(("channel", format!("{}: {}", channel_name(setting.channel), parts.join(", "))));
        }
    }
    lines.extend(settings.rules.iter().map(|rule| ("rule", rule_in_words(rule))));
    lines.push(("tracking", tracking::describe(settings.tracking.as_ref())));
    lines.retain(|(_, value)| !value.is_empty());
    lines
}

fn of_channel(setting: &ChannelSetting, senders: &[Sender]) -> Vec<String> {
    let mut parts = Vec::new();
    if setting.budget_micros > 0 {
        parts.push(format!("budget {}", number::amount(setting.budget_micros)));
    }
    if !setting.fallback_sender_id.is_empty() {
        let known = senders.iter().find(|sender| sender.id == setting.fallback_sender_id);
        parts.push(format!("falls back to {}", known.map_or(&setting.fallback_sender_id, |sender| &sender.name)));
    }
    if !setting.also_sender_ids.is_empty() {
        let name = |id: &String| senders.iter().find(|sender| sender.id == *id).map_or(id, |sender| &sender.name).clone();
        parts.push(format!("also by {}", setting.also_sender_ids.iter().map(name).collect::<Vec<_>>().join(" and ")));
    }
    if setting.rescue_channel != 0 {
        parts.push(format!("rescued by {}", channel_name(setting.rescue_channel)));
    }
    if setting.rescue_only {
        parts.push("only rescues".to_owned());
    }
    if setting.max_segments > 0 {
        parts.push(format!("at most {} a text", number::of(setting.max_segments.into(), "message", "messages")));
    }
    parts
}

fn rule_in_words(rule: &EngagementRule) -> String {
    let did = engagement(rule.engagement).map_or("?", Engagement::as_str);
    let within = if rule.within_hours == 0 { String::new() } else { format!(" within {}h", rule.within_hours) };
    format!("{did} {}{within} skips {}", channel_name(rule.on_channel), channel_name(rule.skip_channel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_sentence() {
        for text in ["opened email within 48h skips sms", "replied whatsapp skips email"] {
            assert_eq!(rule_in_words(&rule(text).unwrap()), text);
        }
        assert_eq!(rule("clicked sms within 2d skips email").unwrap().within_hours, 48);
        for text in ["", "opened email", "opened fax skips sms", "saw email skips sms", "opened email within 2 skips sms"] {
            assert!(rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn guards_go_to_the_channels_they_name() {
        let mut settings = Settings {
            channels: [Channel::Sms, Channel::Whatsapp]
                .map(|channel| ChannelSetting { channel: channel_number(channel), ..ChannelSetting::default() })
                .into(),
            ..Settings::default()
        };
        let senders = [Sender { id: "2".into(), name: "Second".into(), channel: channel_number(Channel::Sms), ..Sender::default() }];
        let args = || GuardArgs {
            budget: Some(1),
            channel_budgets: vec![amount("sms=12.50").unwrap()],
            fallbacks: vec![named("sms=Second").unwrap()],
            rescues: vec![pair("whatsapp=sms").unwrap()],
            rescue_only: vec![Channel::Sms],
            ..GuardArgs::default()
        };
        args().apply(&mut settings, &senders).unwrap();
        let described: Vec<_> = describe(&settings, &senders).into_iter().map(|(_, text)| text).collect();
        assert_eq!(described, ["0.000001", "sms: budget 12.50, falls back to Second, only rescues", "whatsapp: rescued by sms"]);
        assert!(args().apply(&mut Settings::default(), &senders).unwrap_err().to_string().contains("--channel sms"));
        assert!(args().apply(&mut settings, &[]).is_err());
    }

    #[test]
    fn a_span_has_its_unit() {
        assert_eq!((hours("48h"), hours("2d")), (Ok(48), Ok(48)));
        for text in ["", "h", "48", "0h", "-1h", "2w", "4294967295d", "é"] {
            assert!(hours(text).is_err(), "{text}");
        }
    }
}
