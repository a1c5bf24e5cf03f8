//! The gate's rules: whether one message may leave as of now, and if not, why.
//!
//! [`decide`] is the only place where this is decided: for a delivery that is about to leave, for a dry run, and for the explanation of
//! why somebody got nothing. What it judges by is read beforehand; nothing here does I/O or reads a clock.

mod quiet;

pub use quiet::QuietHours;

use crate::{
    Channel, TopicId,
    delivery::reason,
    facts::{Bits, PROVES_SENT, failed_after_acceptance},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use time::{Duration, OffsetDateTime};

/// The rules that hold for a campaign's messages on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub channel: Channel,
    /// Messages that a person waits for: no frequency cap and no quiet hours.
    pub transactional: bool,
    /// The workspace's caps that count on this channel.
    pub caps: Vec<Cap>,
    /// The campaign's rules that skip this channel, in their order.
    pub rules: Vec<Rule>,
    pub quiet: Option<QuietHours>,
    /// The workspace's zone, for contacts that have none.
    pub timezone: String,
    /// What the campaign is about.
    pub topic: Option<TopicId>,
}

/// The most messages that a contact gets in so many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Counted on this channel alone; None: on all of them together.
    pub channel: Option<Channel>,
    pub max_messages: u32,
    pub window_hours: u32,
}

/// Who has engaged on one channel is not sent to on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub on: Channel,
    pub engagement: Engagement,
    /// How long ago at most; 0: ever.
    pub within_hours: u32,
}

/// What a person did with a message. A machine's open is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engagement {
    /// Opened or read; a click is one too.
    Opened,
    Clicked,
    Replied,
    Converted,
}

/// The text is not the name of an engagement.
#[derive(Debug, thiserror::Error)]
#[error("unknown engagement {0:?}: use opened, clicked, replied or converted")]
pub struct UnknownEngagement(String);

impl Engagement {
    pub const ALL: [Self; 4] = [Self::Opened, Self::Clicked, Self::Replied, Self::Converted];

    /// The name used in SQL and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Replied => "replied",
            Self::Converted => "converted",
        }
    }
}

impl fmt::Display for Engagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Engagement {
    type Err = UnknownEngagement;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|engagement| engagement.as_str() == text).ok_or_else(|| UnknownEngagement(text.to_owned()))
    }
}

/// When a contact did what on one channel of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engaged {
    pub channel: Channel,
    pub opened_at: Option<OffsetDateTime>,
    pub clicked_at: Option<OffsetDateTime>,
    pub replied_at: Option<OffsetDateTime>,
    pub converted_at: Option<OffsetDateTime>,
}

impl Engaged {
    fn at(&self, engagement: Engagement) -> Option<OffsetDateTime> {
        match engagement {
            Engagement::Opened => self.opened_at.max(self.clicked_at),
            Engagement::Clicked => self.clicked_at,
            Engagement::Replied => self.replied_at,
            Engagement::Converted => self.converted_at,
        }
    }
}

/// What is known of one message and its recipient as of now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The contact is gone.
    pub deleted: bool,
    /// The address is in the opt-out register, for this channel or for all.
    pub opted_out: bool,
    /// The contact has left the topic that the campaign is about.
    pub left_topic: bool,
    /// The contact's zone; empty or unknown: the workspace's counts.
    pub timezone: String,
    /// Messages that may have reached the contact within the window of the cap over all channels.
    pub sent_on_all: u32,
    /// The same within the window of this channel's own cap.
    pub sent_on_channel: u32,
    /// On the channels that the policy's rules ask about.
    pub engaged: Vec<Engaged>,
    /// What was reported of earlier tries.
    pub bits: Bits,
    /// Some earlier try's fate wasn't known when it ended.
    pub doubtful: bool,
}

/// What the gate says of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Pass,
    /// It must not leave, for good.
    Suppress {
        /// One of [`reason`].
        reason: &'static str,
        /// The rule that decided, in words.
        rule: String,
    },
    /// It may leave later.
    Defer {
        until: OffsetDateTime,
        reason: &'static str,
        rule: String,
    },
    /// An earlier try has reached the provider after all: the message has left.
    AlreadySent,
}

/// What proves that an earlier try reached the person. Any report of an accepted try is not enough: one that was accepted and failed
/// is tried again.
const REACHED: Bits = Bits::DELIVERED.and(Bits::OPENED).and(Bits::CLICKED);

/// Judges one message as of `now`. What has left is known first, then what forbids it for good, the campaign's own rules, and last
/// what only puts it off.
#[must_use]
pub fn decide(policy: &Policy, known: &Known, now: OffsetDateTime) -> Decision {
    // A doubt that comes after an acceptance and a failure is about another try than these.
    if known.bits.any(REACHED) || (known.doubtful && known.bits.any(PROVES_SENT) && !failed_after_acceptance(known.bits)) {
        return Decision::AlreadySent;
    }
    if known.deleted {
        return suppress(reason::CONTACT_DELETED, "contact_deleted".to_owned());
    }
    if known.opted_out {
        return suppress(reason::OPTED_OUT, "opt_out".to_owned());
    }
    if known.left_topic {
        return suppress(reason::TOPIC_OPTED_OUT, "topic".to_owned());
    }
    if let Some(rule) = policy.rules.iter().find(|rule| rule.holds(&known.engaged, now)) {
        return suppress(reason::ENGAGED_ELSEWHERE, rule.in_words(policy.channel));
    }
    if policy.transactional {
        return Decision::Pass;
    }
    if let Some(cap) = policy.caps.iter().find(|cap| cap.is_reached(known)) {
        return suppress(reason::FREQUENCY_CAP, cap.in_words());
    }
    quiet_now(policy, known, now).unwrap_or(Decision::Pass)
}

const fn suppress(reason: &'static str, rule: String) -> Decision {
    Decision::Suppress { reason, rule }
}

fn quiet_now(policy: &Policy, known: &Known, now: OffsetDateTime) -> Option<Decision> {
    let quiet = policy.quiet?;
    let (until, zone) = quiet.until(&[&known.timezone, &policy.timezone], now)?;
    Some(Decision::Defer { until, reason: reason::QUIET_HOURS, rule: format!("quiet hours {quiet} {zone}") })
}

impl Cap {
    fn is_reached(self, known: &Known) -> bool {
        let sent = if self.channel.is_some() { known.sent_on_channel } else { known.sent_on_all };
        sent >= self.max_messages
    }

    fn in_words(self) -> String {
        let Self { max_messages, window_hours, .. } = self;
        match self.channel {
            Some(channel) => format!("frequency_cap: {max_messages} {channel} in {window_hours} h"),
            None => format!("frequency_cap: {max_messages} messages in {window_hours} h"),
        }
    }
}

impl Rule {
    fn holds(&self, engaged: &[Engaged], now: OffsetDateTime) -> bool {
        let within = Duration::hours(self.within_hours.into());
        let recent = |at: OffsetDateTime| self.within_hours == 0 || at > now - within;
        engaged.iter().filter(|engaged| engaged.channel == self.on).filter_map(|engaged| engaged.at(self.engagement)).any(recent)
    }

    fn in_words(&self, skipped: Channel) -> String {
        let Self { on, engagement, within_hours } = self;
        match within_hours {
            0 => format!("{engagement} {on} skips {skipped}"),
            _ => format!("{engagement} {on} within {within_hours} h skips {skipped}"),
        }
    }
}

#[cfg(test)]
mod tests;
