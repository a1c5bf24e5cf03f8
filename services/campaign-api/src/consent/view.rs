//! Consent as callers see it.

use crate::convert::timestamp;
use domain::consent::{Evidence, Kind};
use proto::{
    consent::{ChannelPreference, ConsentEvent, ConsentKind, Evidence as WireEvidence, ListConsent, Preferences, TopicPreference},
    convert::channel_number,
};
use store::consent::{
    event::{About, Kept},
    list::Asking,
    person::Person,
};

pub fn event(kept: Kept) -> ConsentEvent {
    let event = kept.event;
    let mut wire = ConsentEvent {
        id: kept.event_id.to_string(),
        at: Some(timestamp(event.at)),
        kind: kind(event.kind).into(),
        address: event.address_key.unwrap_or_default(),
        contact_id: event.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        source: event.source,
        actor: event.actor,
        evidence: Some(WireEvidence { wording: kept.wording, ..evidence(event.evidence) }),
        ..ConsentEvent::default()
    };
    match event.about {
        About::Channel(channel) => wire.channel = channel.map(channel_number).unwrap_or_default(),
        About::Topic(topic) => wire.topic_id = topic.to_string(),
        About::List(list) => wire.list_id = list.to_string(),
    }
    wire
}

/// Evidence without the text of a list's wording.
pub fn evidence(evidence: Evidence) -> WireEvidence {
    WireEvidence {
        ip: evidence.ip,
        user_agent: evidence.user_agent,
        text: evidence.text,
        code: evidence.code,
        delivery_id: evidence.delivery_id.map(|id| id.to_string()).unwrap_or_default(),
        language: evidence.language,
        wording_version: evidence.wording_version.unwrap_or_default(),
        wording: String::new(),
    }
}

fn kind(kind: Kind) -> ConsentKind {
    match kind {
        Kind::OptedOut => ConsentKind::OptedOut,
        Kind::OptedIn => ConsentKind::OptedIn,
        Kind::OptOutRemoved => ConsentKind::OptOutRemoved,
        Kind::TopicLeft => ConsentKind::TopicLeft,
        Kind::TopicJoined => ConsentKind::TopicJoined,
        Kind::ListRequested => ConsentKind::ListRequested,
        Kind::ListConfirmed => ConsentKind::ListConfirmed,
    }
}

pub fn preferences(person: Person) -> Preferences {
    let channel = |on: store::consent::person::OnChannel| ChannelPreference {
        channel: channel_number(on.channel),
        address: on.address_key,
        opted_out: on.opted_out,
        revocable: on.revocable,
    };
    let topic = |on: store::consent::person::OnTopic| TopicPreference { topic_id: on.topic_id.to_string(), name: on.name, left: on.left };
    Preferences {
        contact_id: person.contact_id.to_string(),
        channels: person.channels.into_iter().map(channel).collect(),
        topics: person.topics.into_iter().map(topic).collect(),
        language: person.locale,
    }
}

pub fn list(asking: Asking) -> ListConsent {
    ListConsent {
        list_id: asking.list_id.to_string(),
        double_opt_in: asking.double_opt_in,
        wording: asking.wording.into_iter().collect(),
        wording_version: asking.wording_version.unsigned_abs(),
        pending: asking.pending.unsigned_abs(),
        confirmed: asking.confirmed.unsigned_abs(),
    }
}
