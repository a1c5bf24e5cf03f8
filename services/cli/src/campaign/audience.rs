//! Whom a campaign is for: segments and the freeze point on the command line, `fanfare campaign copy-lists|clear-contacts`.

use super::{Which, name};
use crate::{
    output::{channel_name, number},
    resolve,
    session::Session,
};
use anyhow::Result;
use clap::Args;
use domain::campaign::{Freeze, UnknownFreeze};
use proto::{
    campaign::{AudienceState, ClearCampaignContactsRequest, CopyListsToCampaignRequest, CopyListsToCampaignResponse, Settings},
    convert::{freeze, freeze_number},
};

/// What is left out stays as it is.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Audience")]
pub struct SegmentArgs {
    /// Segment to send to, beside the lists (name or id); repeat for more
    #[arg(long = "segment", value_name = "SEGMENT")]
    segments: Option<Vec<String>>,
    /// Segment to leave out (name or id); repeat for more
    #[arg(long = "exclude-segment", value_name = "SEGMENT")]
    excluded_segments: Option<Vec<String>>,
    /// When it is settled who is in lists and segments: "sending" (when its run starts) or "scheduling"
    #[arg(long, value_name = "WHEN", value_parser = freeze_point)]
    freeze: Option<Freeze>,
}

fn freeze_point(text: &str) -> Result<Freeze, UnknownFreeze> {
    text.parse()
}

impl SegmentArgs {
    /// Puts them into settings.
    ///
    /// # Errors
    /// Names the first segment that there isn't.
    pub async fn apply(&self, settings: &mut Settings, session: &Session) -> Result<()> {
        if let Some(segments) = &self.segments {
            settings.segment_ids = resolve::segments(session, segments).await?;
        }
        if let Some(segments) = &self.excluded_segments {
            settings.exclude_segment_ids = resolve::segments(session, segments).await?;
        }
        if let Some(freeze) = self.freeze {
            settings.freeze = freeze_number(freeze);
        }
        Ok(())
    }
}

/// When an audience is frozen, and what is known of it, for people.
pub fn describe(settings: &Settings, audience: Option<&AudienceState>) -> Vec<(&'static str, String)> {
    let audience = audience.cloned().unwrap_or_default();
    let own = match audience.own_contacts {
        0 => String::new(),
        contacts => number::of(contacts, "contact", "contacts"),
    };
    let frozen = match (audience.frozen_at, freeze(settings.freeze)) {
        (Some(at), _) => format!("{at}, with {}", number::of(audience.frozen_contacts, "contact", "contacts")),
        (None, Some(Freeze::Scheduling)) => "when it is scheduled".to_owned(),
        (None, _) => String::new(),
    };
    vec![
        ("segments", settings.segment_ids.join(", ")),
        ("segments out", settings.exclude_segment_ids.join(", ")),
        ("copied in", own),
        ("frozen", frozen),
    ]
}

#[derive(Debug, Args)]
pub struct CopyArgs {
    #[command(flatten)]
    which: Which,
    /// Lists whose members are copied (name or id)
    #[arg(required = true)]
    lists: Vec<String>,
}

pub async fn copy(args: CopyArgs, session: &Session) -> Result<()> {
    let request =
        CopyListsToCampaignRequest { campaign_id: args.which.id(session).await?, list_ids: resolve::lists(session, &args.lists).await? };
    let answer = session.patient_campaigns().copy_lists_to_campaign(request).await?.into_inner();
    session.output.message(&answer, copied)
}

fn copied(answer: &CopyListsToCampaignResponse) -> String {
    let opted_out = answer.opted_out.iter().filter(|of| of.contacts > 0);
    let opted_out: Vec<_> = opted_out.map(|of| format!("{} from {}", number::count(of.contacts), channel_name(of.channel))).collect();
    let flagged = if opted_out.is_empty() { String::new() } else { format!("; opted out: {}", opted_out.join(", ")) };
    format!(
        "copied {}, {} there already; the campaign has {} of its own{flagged}",
        number::of(answer.added, "contact", "contacts"),
        number::count(answer.already),
        number::count(answer.own_contacts)
    )
}

pub async fn clear(which: &Which, session: &Session) -> Result<()> {
    let request = ClearCampaignContactsRequest { campaign_id: which.id(session).await? };
    let answer = session.campaigns().clear_campaign_contacts(request).await?.into_inner();
    session.output.message(&answer, |answer| {
        let campaign = answer.campaign.as_ref().map_or("", name);
        format!("took {} out of {campaign}", number::of(answer.removed, "copied contact", "copied contacts"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{campaign::ChannelOptOuts, convert::channel_number};

    #[test]
    fn who_has_opted_out_is_named_by_channel() {
        let opted_out = |channel, contacts| ChannelOptOuts { channel: channel_number(channel), contacts };
        let answer = CopyListsToCampaignResponse {
            added: 1_200,
            already: 3,
            own_contacts: 1_203,
            opted_out: vec![opted_out(domain::Channel::Email, 12), opted_out(domain::Channel::Sms, 0)],
            campaign: None,
        };
        let expected = "copied 1,200 contacts, 3 there already; the campaign has 1,203 of its own; opted out: 12 from email";
        assert_eq!(copied(&answer), expected);
    }

    #[test]
    fn the_freeze_point_has_two_names() {
        assert_eq!(freeze_point("scheduling").unwrap(), Freeze::Scheduling);
        assert!(freeze_point("now").unwrap_err().to_string().contains("sending or scheduling"));
    }
}
