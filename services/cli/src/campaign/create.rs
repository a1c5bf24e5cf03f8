//! `fanfare campaign create`: a draft from a template, lists and channels.

use super::{audience::SegmentArgs, consent::ConsentArgs, guards, present, say};
use crate::{
    resolve,
    session::{Session, request_id},
};
use anyhow::{Result, bail};
use clap::Args;
use domain::Channel;
use proto::{
    campaign::{Campaign, ChannelSetting, CreateCampaignRequest, Schedule, Settings},
    convert::channel_number,
    sender::Sender,
};

#[derive(Debug, Args)]
pub struct CreateArgs {
    name: String,
    #[arg(long, default_value = "")]
    description: String,
    /// Name or id
    #[arg(long)]
    template: String,
    /// List to send to (name or id); repeat for more
    #[arg(long = "list")]
    lists: Vec<String>,
    /// List to leave out (name or id); repeat for more
    #[arg(long = "exclude", value_name = "LIST")]
    excluded: Vec<String>,
    /// Channel, with its sender's name or id unless there is only one; repeat for more
    #[arg(long = "channel", value_name = "CHANNEL[=SENDER]", required = true, value_parser = channel)]
    channels: Vec<(Channel, Option<String>)>,
    /// Wall-clock time to send at, such as 2026-12-24T09:00:00; left out: as soon as it is sent
    #[arg(long, requires = "timezone", value_name = "TIME")]
    at: Option<String>,
    /// IANA zone of that time, such as Asia/Dubai
    #[arg(long, requires = "at", value_name = "ZONE")]
    timezone: Option<String>,
    /// Hours after which what has not left is dropped; 0 for the hub's default
    #[arg(long, default_value_t = 0, value_name = "HOURS")]
    expires_after_hours: u32,
    #[command(flatten)]
    segments: SegmentArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    guards: guards::GuardArgs,
}

/// `sms`, or `sms=SENDER`.
pub fn channel(text: &str) -> Result<(Channel, Option<String>), String> {
    let (name, sender) = text.split_once('=').map_or((text, None), |(name, sender)| (name, Some(sender.to_owned())));
    Ok((name.parse().map_err(|error| format!("{error}"))?, sender))
}

pub async fn run(args: CreateArgs, session: &Session) -> Result<()> {
    let senders = resolve::senders(session).await?;
    let channels = choose_all(&senders, &args.channels)?;
    let mut settings = Settings {
        name: args.name,
        description: args.description,
        template_id: resolve::template(session, &args.template).await?,
        channels,
        list_ids: resolve::lists(session, &args.lists).await?,
        exclude_list_ids: resolve::lists(session, &args.excluded).await?,
        schedule: args.at.zip(args.timezone).map(|(local_time, timezone)| Schedule { local_time, timezone }),
        expires_after_hours: args.expires_after_hours,
        ..Settings::default()
    };
    args.segments.apply(&mut settings, session).await?;
    args.consent.apply(&mut settings, session).await?;
    args.guards.apply(&mut settings, &senders)?;
    say(session, &create(session, settings).await?)
}

/// Makes the draft.
///
/// # Errors
/// When the hub refuses.
pub async fn create(session: &Session, settings: Settings) -> Result<Campaign> {
    let request = CreateCampaignRequest { settings: Some(settings), request_id: request_id() };
    present(session.campaigns().create_campaign(request).await?.into_inner().campaign)
}

/// The sender that was named, or the only one of the channel.
///
/// # Errors
/// When there is none, or more than one and none was named.
pub fn choose(senders: &[Sender], channel: Channel, named: Option<&str>) -> Result<ChannelSetting> {
    let setting =
        |sender: &Sender| ChannelSetting { channel: channel_number(channel), sender_id: sender.id.clone(), ..ChannelSetting::default() };
    if let Some(named) = named {
        return resolve::sender_of(senders, channel, named).map(setting);
    }
    let mut fitting = senders.iter().filter(|sender| sender.channel == channel_number(channel));
    match (fitting.next(), fitting.next()) {
        (Some(sender), None) => Ok(setting(sender)),
        (None, _) => bail!("there is no {channel} sender yet: `fanfare sender create` adds one"),
        (Some(one), Some(other)) => {
            bail!("there is more than one {channel} sender: write --channel {channel}={:?} or {channel}={:?}", one.name, other.name)
        }
    }
}

/// All channels that were named, with their senders. One that is named again has a further sender, if it may have several.
///
/// # Errors
/// As [`choose`].
pub fn choose_all(senders: &[Sender], named: &[(Channel, Option<String>)]) -> Result<Vec<ChannelSetting>> {
    let mut settings: Vec<ChannelSetting> = Vec::new();
    for (channel, sender) in named {
        let chosen = choose(senders, *channel, sender.as_deref())?;
        match settings.iter_mut().find(|setting| setting.channel == chosen.channel) {
            Some(first) if channel.has_several_senders() => first.also_sender_ids.push(chosen.sender_id),
            _ => settings.push(chosen),
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(id: &str, name: &str, channel: Channel) -> Sender {
        Sender { id: id.into(), name: name.into(), channel: channel_number(channel), ..Sender::default() }
    }

    #[test]
    fn the_only_sender_of_a_channel_needs_no_naming() {
        let senders = [sender("1", "Mail", Channel::Email), sender("2", "SMS A", Channel::Sms), sender("3", "SMS B", Channel::Sms)];
        let id = |channel, named| choose(&senders, channel, named).map(|setting| setting.sender_id);
        assert_eq!(id(Channel::Email, None).unwrap(), "1");
        assert_eq!(id(Channel::Sms, Some("SMS B")).unwrap(), "3");
        assert!(id(Channel::Sms, None).unwrap_err().to_string().contains("SMS A"));
        assert!(id(Channel::Email, Some("SMS A")).is_err());
        assert!(id(Channel::Whatsapp, None).unwrap_err().to_string().contains("sender create"));
    }

    #[test]
    fn a_channel_may_name_its_sender() {
        assert_eq!(channel("sms=Twilio SMS").unwrap(), (Channel::Sms, Some("Twilio SMS".into())));
        assert_eq!(channel("email").unwrap(), (Channel::Email, None));
        assert!(channel("fax=1").unwrap_err().contains("email, sms, whatsapp, push or social"));
    }

    #[test]
    fn accounts_of_one_channel_are_named_one_by_one() {
        let senders = [sender("1", "Page", Channel::Social), sender("2", "X", Channel::Social), sender("3", "SMS", Channel::Sms)];
        let named = |channel, name: &str| (channel, Some(name.to_owned()));
        let named = [named(Channel::Social, "Page"), named(Channel::Sms, "SMS"), named(Channel::Social, "X")];
        let settings = choose_all(&senders, &named).unwrap();
        let ids: Vec<_> = settings.iter().map(|setting| (setting.sender_id.as_str(), setting.also_sender_ids.as_slice())).collect();
        assert_eq!(ids, [("1", &["2".to_owned()][..]), ("3", &[])]);
    }
}
