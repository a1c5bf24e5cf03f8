//! What each word counts, per channel. The hub counts the same words; after a run the two must agree.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Step, StepSet};
use crate::message::Channel;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFigures {
    /// Accepted.
    pub sent: u64,
    /// Reported delivered, or read or clicked, which imply it.
    pub delivered: u64,
    /// Refused for good by the interface, or reported failed, undelivered, bounced or dropped.
    pub failed: u64,
    /// Opened or read, or clicked, which implies it.
    pub read: u64,
    pub clicked: u64,
    /// STOP replies and one-click unsubscribes.
    pub unsubscribed: u64,
    /// Accepted beyond the first for the same recipient with the same correlation or the same content.
    pub duplicates: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub email: ChannelFigures,
    pub sms: ChannelFigures,
    pub whatsapp: ChannelFigures,
    #[serde(default)]
    pub push: ChannelFigures,
    #[serde(default)]
    pub social: ChannelFigures,
    /// Callbacks and recipients' acts that are planned and have no answer yet.
    pub pending: u64,
    /// Answered 4xx (other than 408 and 429), so never tried again.
    pub callbacks_refused: u64,
    /// Tried as often as allowed without a good answer.
    pub callbacks_given_up: u64,
}

impl Figures {
    pub fn channel(&self, channel: Channel) -> &ChannelFigures {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
            Channel::Whatsapp => &self.whatsapp,
            Channel::Push => &self.push,
            Channel::Social => &self.social,
        }
    }

    pub fn channel_mut(&mut self, channel: Channel) -> &mut ChannelFigures {
        match channel {
            Channel::Email => &mut self.email,
            Channel::Sms => &mut self.sms,
            Channel::Whatsapp => &mut self.whatsapp,
            Channel::Push => &mut self.push,
            Channel::Social => &mut self.social,
        }
    }
}

impl ChannelFigures {
    /// Counts what is newly true of a message: each word at most once.
    pub fn advance(&mut self, before: StepSet, after: StepSet) {
        let newly = |holds: fn(StepSet) -> bool| u64::from(!holds(before) && holds(after));
        self.delivered += newly(|set| set.has(Step::Delivered) || set.has(Step::Read) || set.has(Step::Click));
        self.failed += newly(|set| set.has(Step::Failed));
        self.read += newly(|set| set.has(Step::Read) || set.has(Step::Click));
        self.clicked += newly(|set| set.has(Step::Click));
        self.unsubscribed += newly(|set| set.has(Step::Stop));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_implies_the_rest_and_is_counted_once() {
        let mut figures = ChannelFigures::default();
        let clicked = StepSet::of(&[Step::Click]);
        figures.advance(StepSet::default(), clicked);
        figures.advance(clicked, clicked.with(Step::Read));
        figures.advance(clicked.with(Step::Read), clicked.with(Step::Read).with(Step::Delivered));
        assert_eq!(figures, ChannelFigures { delivered: 1, read: 1, clicked: 1, ..ChannelFigures::default() });
    }
}
