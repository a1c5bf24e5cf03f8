//! Conversions between wire types and domain types.

mod content;
mod push;
mod whatsapp;

pub use content::{content_variant, content_variant_number};

use crate::{campaign, common, workspace};
use domain::{
    Channel,
    campaign::{Freeze, Lane},
    gate::Engagement,
    role::Role,
};
use prost_types::Timestamp;
use time::OffsetDateTime;

/// A time on the wire.
#[must_use]
pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    // Less than 10^9, so it fits.
    Timestamp { seconds: time.unix_timestamp(), nanos: time.nanosecond().cast_signed() }
}

/// A time from the wire, to the microsecond, which is what PostgreSQL keeps; None when it lies outside the calendar.
#[must_use]
pub fn moment(stamp: Timestamp) -> Option<OffsetDateTime> {
    let micros = i128::from(stamp.seconds) * 1_000_000 + i128::from(stamp.nanos / 1_000);
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).ok()
}

impl From<Channel> for common::Channel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
            Channel::Whatsapp => Self::Whatsapp,
            Channel::Push => Self::Push,
            Channel::Social => Self::Social,
        }
    }
}

/// The channel of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn channel(number: i32) -> Option<Channel> {
    match common::Channel::try_from(number).ok()? {
        common::Channel::Unspecified => None,
        common::Channel::Email => Some(Channel::Email),
        common::Channel::Sms => Some(Channel::Sms),
        common::Channel::Whatsapp => Some(Channel::Whatsapp),
        common::Channel::Push => Some(Channel::Push),
        common::Channel::Social => Some(Channel::Social),
    }
}

/// The number of an enum field.
#[must_use]
pub fn channel_number(channel: Channel) -> i32 {
    common::Channel::from(channel).into()
}

/// The freeze point of an enum field, AT_SENDING when it is left out; None for numbers that this version doesn't know.
#[must_use]
pub fn freeze(number: i32) -> Option<Freeze> {
    match campaign::AudienceFreeze::try_from(number).ok()? {
        campaign::AudienceFreeze::Unspecified | campaign::AudienceFreeze::AtSending => Some(Freeze::Sending),
        campaign::AudienceFreeze::AtScheduling => Some(Freeze::Scheduling),
    }
}

/// The number of an enum field.
#[must_use]
pub fn freeze_number(freeze: Freeze) -> i32 {
    let freeze = match freeze {
        Freeze::Sending => campaign::AudienceFreeze::AtSending,
        Freeze::Scheduling => campaign::AudienceFreeze::AtScheduling,
    };
    freeze.into()
}

/// The lane of an enum field, BULK when it is left out; None for numbers that this version doesn't know.
#[must_use]
pub fn lane(number: i32) -> Option<Lane> {
    match campaign::Lane::try_from(number).ok()? {
        campaign::Lane::Unspecified | campaign::Lane::Bulk => Some(Lane::Bulk),
        campaign::Lane::Transactional => Some(Lane::Transactional),
    }
}

/// The number of an enum field.
#[must_use]
pub fn lane_number(lane: Lane) -> i32 {
    let lane = match lane {
        Lane::Bulk => campaign::Lane::Bulk,
        Lane::Transactional => campaign::Lane::Transactional,
    };
    lane.into()
}

/// The engagement of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn engagement(number: i32) -> Option<Engagement> {
    match campaign::Engagement::try_from(number).ok()? {
        campaign::Engagement::Unspecified => None,
        campaign::Engagement::Opened => Some(Engagement::Opened),
        campaign::Engagement::Clicked => Some(Engagement::Clicked),
        campaign::Engagement::Replied => Some(Engagement::Replied),
        campaign::Engagement::Converted => Some(Engagement::Converted),
    }
}

/// The number of an enum field.
#[must_use]
pub fn engagement_number(engagement: Engagement) -> i32 {
    let engagement = match engagement {
        Engagement::Opened => campaign::Engagement::Opened,
        Engagement::Clicked => campaign::Engagement::Clicked,
        Engagement::Replied => campaign::Engagement::Replied,
        Engagement::Converted => campaign::Engagement::Converted,
    };
    engagement.into()
}

/// The role of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
#[must_use]
pub fn role(number: i32) -> Option<Role> {
    match workspace::Role::try_from(number).ok()? {
        workspace::Role::Unspecified => None,
        workspace::Role::Agent => Some(Role::Agent),
        workspace::Role::Admin => Some(Role::Admin),
    }
}

/// The number of an enum field; UNSPECIFIED for the role of the hub's own services, which nobody is given.
#[must_use]
pub fn role_number(role: Role) -> i32 {
    let role = match role {
        Role::Agent => workspace::Role::Agent,
        Role::Admin => workspace::Role::Admin,
        Role::Internal => workspace::Role::Unspecified,
    };
    role.into()
}
