//! What the fold is told of deliveries.

use domain::{SenderId, delivery::State};
use outbox::about;
use proto::event::{Fact, FactKind};
use store::{
    gate::Stopped,
    settle::{Due, Lost, WORKER_LOST},
};
use time::OffsetDateTime;

/// What a state says to the fold; nothing while a delivery may still be sent.
pub(crate) const fn kind(state: State) -> Option<FactKind> {
    match state {
        State::Accepted => Some(FactKind::Accepted),
        State::Rejected => Some(FactKind::Rejected),
        State::Uncertain => Some(FactKind::Uncertain),
        State::Unknown => Some(FactKind::Unknown),
        State::Suppressed => Some(FactKind::Suppressed),
        State::Cancelled => Some(FactKind::Cancelled),
        State::Expired => Some(FactKind::Expired),
        State::Queued | State::Sending | State::RetryWait => None,
    }
}

/// Of a delivery that the gate stopped.
pub(crate) fn stopped(stopped: &Stopped, sender: SenderId, now: OffsetDateTime) -> Fact {
    let kind = kind(stopped.state).unwrap_or(FactKind::Suppressed);
    Fact { code: stopped.reason.to_owned(), ..about(stopped.delivery_id, kind, 0, sender, now) }
}

/// Of a delivery whose worker died with it.
pub(crate) fn lost(lost: &Lost, now: OffsetDateTime) -> Fact {
    Fact { code: WORKER_LOST.to_owned(), ..about(lost.delivery_id, FactKind::Uncertain, lost.attempt, lost.sender_id, now) }
}

/// Of a delivery that the provider turned out to have taken.
pub(crate) fn found(due: &Due, provider_message_id: &str, now: OffsetDateTime) -> Fact {
    Fact {
        provider_message_id: provider_message_id.to_owned(),
        cost_micros: due.price_micros,
        ..about(due.delivery_id, FactKind::Accepted, due.attempt, due.sender_id, now)
    }
}

/// Of a delivery of which nobody could say anything for too long.
pub(crate) fn unknown(due: &Due, now: OffsetDateTime) -> Fact {
    Fact { code: due.reason.clone().unwrap_or_default(), ..about(due.delivery_id, FactKind::Unknown, due.attempt, due.sender_id, now) }
}
