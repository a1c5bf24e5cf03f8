//! `fanfare campaign edit`: a draft as a whole, or of a campaign that runs what may still be changed.

use super::{Which, audience::SegmentArgs, consent::ConsentArgs, create, guards, name, present, status, tracking::TrackingArgs};
use crate::{output::number, resolve, session::Session};
use anyhow::{Context, Result};
use clap::Args;
use domain::Channel;
use proto::{
    campaign::{ApprovalDecision, Campaign, ChannelSetting, EngagementRule, GetCampaignRequest, Schedule, Settings, UpdateCampaignRequest},
    sender::Sender,
    template::GetTemplateRequest,
};

/// What is left out stays as it is. Of a campaign that runs: template, budgets, expiry and rules, which then waits for an admin.
#[derive(Debug, Args)]
pub struct EditArgs {
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// Name or id
    #[arg(long)]
    template: Option<String>,
    /// Of a campaign that runs: the version of its template to send from now on, a number or "newest"
    #[arg(long, value_name = "VERSION", value_parser = version)]
    template_version: Option<Version>,
    /// List to send to (name or id); repeat for more. Replaces the lists
    #[arg(long = "list")]
    lists: Option<Vec<String>>,
    /// List to leave out (name or id); repeat for more. Replaces them
    #[arg(long = "exclude", value_name = "LIST")]
    excluded: Option<Vec<String>>,
    /// Channel, with its sender's name or id unless there is only one; repeat for more. Replaces the channels
    #[arg(long = "channel", value_name = "CHANNEL[=SENDER]", value_parser = create::channel)]
    channels: Option<Vec<(Channel, Option<String>)>>,
    /// Wall-clock time to send at, such as 2026-12-24T09:00:00
    #[arg(long, requires = "timezone", value_name = "TIME")]
    at: Option<String>,
    /// IANA zone of that time, such as Asia/Dubai
    #[arg(long, requires = "at", value_name = "ZONE")]
    timezone: Option<String>,
    /// As soon as it is sent, at no time of its own
    #[arg(long, conflicts_with = "at")]
    at_once: bool,
    /// Hours after which what has not left is dropped; 0 for the hub's default
    #[arg(long, value_name = "HOURS")]
    expires_after_hours: Option<u32>,
    /// The most that it may cost altogether, in its senders' currency; 0: no limit
    #[arg(long, value_name = "AMOUNT", value_parser = number::micros)]
    budget: Option<i64>,
    /// The most that one channel may cost; repeat for more
    #[arg(long = "channel-budget", value_name = "CHANNEL=AMOUNT", value_parser = guards::amount)]
    channel_budgets: Vec<(Channel, i64)>,
    /// Such as "opened email within 48h skips sms"; repeat for more. Replaces the rules
    #[arg(long = "rule", value_name = "RULE", value_parser = guards::rule)]
    rules: Option<Vec<EngagementRule>>,
    /// Take all rules away
    #[arg(long, conflicts_with = "rules")]
    no_rules: bool,
    #[command(flatten)]
    segments: SegmentArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    tracking: TrackingArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Newest,
    Number(u32),
}

fn version(text: &str) -> Result<Version, String> {
    match (text, text.parse()) {
        ("newest", _) => Ok(Version::Newest),
        (_, Ok(number)) if number > 0 => Ok(Version::Number(number)),
        _ => Err("write a number from 1, or newest".to_owned()),
    }
}

/// Reads the settings, changes them, and writes them back if nobody has edited them meanwhile.
pub async fn run(args: EditArgs, session: &Session) -> Result<()> {
    let id = args.which.id(session).await?;
    let campaign = present(session.campaigns().get_campaign(GetCampaignRequest { id: id.clone() }).await?.into_inner().campaign)?;
    let mut settings = campaign.settings.context("the hub's answer has no settings")?;
    let asked = args.template_version;
    change(args, &mut settings, session).await?;
    let template_version = match asked {
        None => 0,
        Some(Version::Number(number)) => number,
        Some(Version::Newest) => newest(session, &settings.template_id).await?,
    };
    let request = UpdateCampaignRequest { id, settings: Some(settings), base_revision: campaign.revision, template_version };
    let edited = present(session.campaigns().update_campaign(request).await?.into_inner().campaign)?;
    session.output.message(&edited, describe)
}

async fn newest(session: &Session, template: &str) -> Result<u32> {
    let request = GetTemplateRequest { id: template.to_owned(), version: 0 };
    let template = session.templates().get_template(request).await?.into_inner().template;
    Ok(template.context("the hub's answer has no template")?.version)
}

async fn change(args: EditArgs, settings: &mut Settings, session: &Session) -> Result<()> {
    if let Some(template) = &args.template {
        settings.template_id = resolve::template(session, template).await?;
    }
    if let Some(lists) = &args.lists {
        settings.list_ids = resolve::lists(session, lists).await?;
    }
    if let Some(lists) = &args.excluded {
        settings.exclude_list_ids = resolve::lists(session, lists).await?;
    }
    args.segments.apply(settings, session).await?;
    args.consent.apply(settings, session).await?;
    if let Some(channels) = &args.channels {
        settings.channels = replaced(&settings.channels, channels, &resolve::senders(session).await?)?;
    }
    apply(args, settings)
}

/// What needs no look-up.
fn apply(args: EditArgs, settings: &mut Settings) -> Result<()> {
    args.tracking.change(settings);
    settings.name = args.name.unwrap_or_else(|| settings.name.clone());
    settings.description = args.description.unwrap_or_else(|| settings.description.clone());
    if let Some((local_time, timezone)) = args.at.zip(args.timezone) {
        settings.schedule = Some(Schedule { local_time, timezone });
    } else if args.at_once {
        settings.schedule = None;
    }
    settings.expires_after_hours = args.expires_after_hours.unwrap_or(settings.expires_after_hours);
    settings.budget_micros = args.budget.unwrap_or(settings.budget_micros);
    match args.rules {
        Some(rules) => settings.rules = rules,
        None if args.no_rules => settings.rules.clear(),
        None => {}
    }
    guards::set_budgets(settings, &args.channel_budgets)
}

/// The channels that are named; one that was there keeps its guards, and its senders unless others are named.
fn replaced(before: &[ChannelSetting], named: &[(Channel, Option<String>)], senders: &[Sender]) -> Result<Vec<ChannelSetting>> {
    let known = |channel: Channel| before.iter().find(|setting| proto::convert::channel(setting.channel) == Some(channel));
    let (kept, new): (Vec<_>, Vec<_>) = named.iter().cloned().partition(|(channel, sender)| sender.is_none() && known(*channel).is_some());
    let kept = kept.iter().filter_map(|(channel, _)| known(*channel).cloned());
    let new = create::choose_all(senders, &new)?.into_iter().map(|chosen| {
        let guards = before.iter().find(|setting| setting.channel == chosen.channel).cloned();
        ChannelSetting { sender_id: chosen.sender_id.clone(), also_sender_ids: chosen.also_sender_ids.clone(), ..guards.unwrap_or(chosen) }
    });
    let mut all: Vec<_> = kept.chain(new).collect();
    // As they were named.
    let place = |setting: &ChannelSetting| named.iter().position(|(channel, _)| proto::convert::channel(setting.channel) == Some(*channel));
    all.sort_by_key(place);
    Ok(all)
}

fn describe(campaign: &Campaign) -> String {
    let waits = campaign.review.as_ref().filter(|review| review.decision == i32::from(ApprovalDecision::Pending));
    let (name, status) = (name(campaign), status(campaign.status));
    match waits {
        Some(review) => format!(
            "{}  {name} is {status} as it was; the change waits for an admin: {}\n`fanfare campaign approve {} --hash {}` puts it into effect",
            campaign.id,
            review.changed.join(", "),
            campaign.id,
            review.hash
        ),
        None => format!("{}  {name} is {status}, at revision {}", campaign.id, campaign.revision),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use proto::convert::channel_number;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: EditArgs,
    }

    fn args(words: &[&str]) -> EditArgs {
        Line::try_parse_from(["edit", "Autumn"].iter().chain(words)).unwrap().args
    }

    #[test]
    fn what_is_left_out_stays() {
        let before = Settings {
            name: "Autumn".into(),
            schedule: Some(Schedule { local_time: "2026-12-24T09:00:00".into(), timezone: "Asia/Dubai".into() }),
            expires_after_hours: 72,
            budget_micros: 5,
            rules: vec![EngagementRule::default()],
            ..Settings::default()
        };
        let mut same = before.clone();
        apply(args(&[]), &mut same).unwrap();
        assert_eq!(same, before);
        let mut other = before;
        apply(args(&["--name", "Winter", "--at-once", "--budget", "12.5", "--no-rules"]), &mut other).unwrap();
        assert_eq!((other.name.as_str(), other.schedule, other.budget_micros, other.rules.len()), ("Winter", None, 12_500_000, 0));
    }

    #[test]
    fn a_channel_that_stays_keeps_its_guards() {
        let number = channel_number(Channel::Sms);
        let before = [ChannelSetting { channel: number, sender_id: "1".into(), budget_micros: 7, ..ChannelSetting::default() }];
        let senders = [Sender { id: "2".into(), name: "Second".into(), channel: number, ..Sender::default() }];
        let kept = replaced(&before, &[(Channel::Sms, None)], &senders).unwrap();
        assert_eq!((kept[0].sender_id.as_str(), kept[0].budget_micros), ("1", 7));
        let moved = replaced(&before, &[(Channel::Sms, Some("Second".into()))], &senders).unwrap();
        assert_eq!((moved[0].sender_id.as_str(), moved[0].budget_micros), ("2", 7));
        assert!(replaced(&before, &[(Channel::Email, None)], &senders).is_err());
    }

    #[test]
    fn a_version_is_a_number_or_the_newest() {
        assert_eq!((version("newest"), version("3")), (Ok(Version::Newest), Ok(Version::Number(3))));
        assert!(version("0").is_err() && version("latest").is_err());
    }
}
