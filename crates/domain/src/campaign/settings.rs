//! What a person edits of a campaign.

use crate::{
    Channel, ListId, SegmentId, SenderId, TemplateId, TopicId,
    gate::Engagement,
    schedule::{self, BadSchedule},
    tracking::CampaignTracking,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};
use time::OffsetDateTime;

/// The settings of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub name: String,
    pub description: String,
    pub template_id: Option<TemplateId>,
    pub channels: BTreeMap<Channel, ChannelSettings>,
    pub list_ids: Vec<ListId>,
    pub exclude_list_ids: Vec<ListId>,
    /// Who matches one of these is in its audience too.
    pub segment_ids: Vec<SegmentId>,
    pub exclude_segment_ids: Vec<SegmentId>,
    pub freeze: Freeze,
    /// Wall time and zone as entered; None: at once when sent.
    pub schedule: Option<ScheduleText>,
    pub expires_after_hours: u32,
    /// The most that it may cost, in millionths of its senders' currency; None: no limit.
    pub budget_micros: Option<i64>,
    pub lane: Lane,
    /// Decided anew for each message, right before it leaves.
    pub rules: Vec<EngagementRule>,
    /// What is done differently from the workspace so that it is known who followed its links.
    pub tracking: CampaignTracking,
    /// What it is about: who has left that topic gets none of it.
    pub topic_id: Option<TopicId>,
    /// The list with double opt-in that its recipients may confirm.
    pub confirm_list_id: Option<ListId>,
}

impl Settings {
    /// The same settings without any budget: what is left to compare when only budgets may differ.
    #[must_use]
    pub fn without_budgets(&self) -> Self {
        let mut settings = self.clone();
        settings.budget_micros = None;
        for channel in settings.channels.values_mut() {
            channel.budget_micros = None;
        }
        settings
    }

    /// What of them can't be changed any more once the campaign has begun: all but its template, budgets, expiry and rules.
    #[must_use]
    pub fn fixed(&self) -> Self {
        Self { template_id: None, expires_after_hours: 0, rules: Vec::new(), ..self.without_budgets() }
    }

    /// Where it has a budget: of all channels together (None), and of single ones.
    pub fn budgets(&self) -> impl Iterator<Item = Option<Channel>> + '_ {
        let total = self.budget_micros.map(|_| None);
        total.into_iter().chain(self.channels.iter().filter(|(_, of)| of.budget_micros.is_some()).map(|(channel, _)| Some(*channel)))
    }

    /// Whether anything of it goes to contacts.
    #[must_use]
    pub fn has_contacts(&self) -> bool {
        self.channels.keys().any(|channel| channel.has_contact())
    }

    /// Every sender that it may use, the first ones and those that step in.
    pub fn senders(&self) -> impl Iterator<Item = SenderId> + '_ {
        self.channels.values().flat_map(ChannelSettings::senders)
    }
}

/// How a campaign uses one of its channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSettings {
    pub sender_id: SenderId,
    /// The part of the budget for this channel, in millionths; None: no limit of its own.
    #[serde(default)]
    pub budget_micros: Option<i64>,
    /// Used while the first sender is down or paused.
    #[serde(default)]
    pub fallback_sender_id: Option<SenderId>,
    /// The channel that is tried for those whom this one certainly did not reach.
    #[serde(default)]
    pub rescue_channel: Option<Channel>,
    /// Nobody is selected for this channel: it only rescues.
    #[serde(default)]
    pub rescue_only: bool,
    /// Of a channel that may have several: further senders, each for its own part, in order. The first one isn't among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_sender_ids: Vec<SenderId>,
    /// How many messages one text may make ([`crate::sms::MAX_SEGMENTS`] at most); None: [`crate::sms::MAX_SEGMENTS_DEFAULT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_segments: Option<u32>,
}

impl ChannelSettings {
    /// A channel that is sent over by one sender, and nothing else.
    #[must_use]
    pub const fn of(sender_id: SenderId) -> Self {
        Self {
            sender_id,
            budget_micros: None,
            fallback_sender_id: None,
            rescue_channel: None,
            rescue_only: false,
            also_sender_ids: Vec::new(),
            max_segments: None,
        }
    }

    /// The first sender, the one that steps in, and those that send beside it.
    pub fn senders(&self) -> impl Iterator<Item = SenderId> + '_ {
        [Some(self.sender_id), self.fallback_sender_id].into_iter().flatten().chain(self.also_sender_ids.iter().copied())
    }

    /// Those that send at the same time, each its own part: the first one alone, where a channel can't have several.
    pub fn parts(&self) -> impl Iterator<Item = SenderId> + '_ {
        std::iter::once(self.sender_id).chain(self.also_sender_ids.iter().copied())
    }
}

/// Who has engaged on one channel gets nothing on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngagementRule {
    pub on_channel: Channel,
    pub engagement: Engagement,
    /// Counted back from the moment of the decision; 0: ever.
    pub within_hours: u32,
    pub skip_channel: Channel,
}

/// When it is settled whom a campaign is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// When its run starts.
    #[default]
    Sending,
    /// When it is scheduled, however long before its run that is.
    Scheduling,
}

/// The text is not the name of a moment to freeze an audience at.
#[derive(Debug, thiserror::Error)]
#[error("unknown freeze point {0:?}: use sending or scheduling")]
pub struct UnknownFreeze(String);

impl Freeze {
    pub const ALL: [Self; 2] = [Self::Sending, Self::Scheduling];

    /// The name used in SQL and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Scheduling => "scheduling",
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Freeze {
    type Err = UnknownFreeze;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|freeze| freeze.as_str() == text).ok_or_else(|| UnknownFreeze(text.to_owned()))
    }
}

/// How urgent a campaign's messages are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    #[default]
    Bulk,
    /// Never waits behind bulk; free of quiet hours and frequency caps.
    Transactional,
}

/// The text is not the name of a lane.
#[derive(Debug, thiserror::Error)]
#[error("unknown lane {0:?}: use bulk or transactional")]
pub struct UnknownLane(String);

impl Lane {
    pub const ALL: [Self; 2] = [Self::Bulk, Self::Transactional];

    /// The name used in SQL and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Transactional => "transactional",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = UnknownLane;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == text).ok_or_else(|| UnknownLane(text.to_owned()))
    }
}

/// A schedule as a person wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleText {
    pub local_time: String,
    pub timezone: String,
}

impl ScheduleText {
    /// The instant it means by the zone rules known now.
    ///
    /// # Errors
    /// Says what is wrong with the time or the zone.
    pub fn instant(&self) -> Result<OffsetDateTime, BadSchedule> {
        schedule::instant(&self.local_time, &self.timezone)
    }

    /// When it is due: its instant, or now when that has passed.
    ///
    /// # Errors
    /// As [`ScheduleText::instant`].
    pub fn due_at(&self, now: OffsetDateTime) -> Result<OffsetDateTime, BadSchedule> {
        Ok(self.instant()?.max(now))
    }
}
