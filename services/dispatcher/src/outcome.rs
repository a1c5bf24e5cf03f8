//! From what a provider said to what the ledger, the fold and the sender's pace are told.

use crate::job::Work;
use domain::{
    Channel, DeliveryId, SenderId,
    delivery::{MAX_ATTEMPTS, State, backoff, reason},
    facts,
};
use proto::event::{Fact, FactKind, Inbound, InboundIntent};
use providers::{Fault, FaultAction, Outcome};
use std::time::Duration;
use store::{
    gate::{Claimed, Stopped},
    record::{Settled, Tried},
};
use time::OffsetDateTime;

/// How long a sender that was told to slow down rests when the provider doesn't say.
const THROTTLED: Duration = Duration::from_secs(5);
/// How long a sender that can't send at all rests before it is tried again.
const SENDER_BROKEN: Duration = Duration::from_secs(60);

/// What became of one try.
pub(crate) struct Done {
    pub(crate) delivery_id: DeliveryId,
    attempt: u32,
    address: String,
    state: State,
    code: Option<String>,
    provider_message_id: Option<String>,
    retry_after: Option<Duration>,
    opted_out: bool,
    /// How long the whole sender rests.
    pub(crate) hold: Option<Duration>,
}

impl Done {
    /// `jitter` in 0..1 spreads the retries.
    pub(crate) fn from_outcome(claimed: &Claimed, outcome: Outcome, jitter: f64) -> Self {
        match outcome {
            Outcome::Accepted { provider_message_id } => {
                Self { provider_message_id: Some(provider_message_id), ..Self::new(claimed, State::Accepted, None) }
            }
            Outcome::Uncertain(fault) => {
                tracing::warn!(code = fault.code, detail = fault.detail, "whether the provider took it can't be known");
                Self::new(claimed, State::Uncertain, Some(fault.code))
            }
            Outcome::Refused(fault) => Self::refused(claimed, fault, jitter),
        }
    }

    fn refused(claimed: &Claimed, fault: Fault, jitter: f64) -> Self {
        let attempt = claimed.attempt;
        let retry = |after, hold| Self {
            retry_after: Some(backoff(attempt, after, jitter)),
            hold,
            ..Self::new(claimed, State::RetryWait, Some(fault.code.clone()))
        };
        match fault.action {
            FaultAction::Retry { after } if attempt < MAX_ATTEMPTS => retry(after, None),
            // Going too fast is the sender's fault, not the message's: it is tried until it expires.
            FaultAction::Throttle { after } => retry(after, Some(after.unwrap_or(THROTTLED))),
            FaultAction::PauseSender => {
                tracing::error!(code = fault.code, detail = fault.detail, "the sender can't send; it rests for a minute");
                retry(Some(SENDER_BROKEN), Some(SENDER_BROKEN))
            }
            FaultAction::Retry { .. } | FaultAction::Permanent | FaultAction::InvalidAddress => {
                Self::new(claimed, State::Rejected, Some(fault.code))
            }
            FaultAction::OptOut => Self { opted_out: true, ..Self::new(claimed, State::Rejected, Some(fault.code)) },
        }
    }

    /// The content can't be rendered for this contact: an empty or broken message never leaves.
    pub(crate) fn unrenderable(claimed: &Claimed, error: &anyhow::Error) -> Self {
        tracing::warn!(delivery.id = %claimed.delivery_id, error = format!("{error:#}"), "the content can't be rendered for this contact");
        Self::new(claimed, State::Suppressed, Some(reason::RENDER_FAILED.to_owned()))
    }

    /// It was certainly not handed to the provider.
    pub(crate) fn not_sent(claimed: &Claimed, code: &str) -> Self {
        Self { retry_after: Some(Duration::ZERO), ..Self::new(claimed, State::RetryWait, Some(code.to_owned())) }
    }

    fn new(claimed: &Claimed, state: State, code: Option<String>) -> Self {
        Self {
            delivery_id: claimed.delivery_id,
            attempt: claimed.attempt,
            address: claimed.address.clone(),
            state,
            code,
            provider_message_id: None,
            retry_after: None,
            opted_out: false,
            hold: None,
        }
    }

    pub(crate) fn tried(&self, now: OffsetDateTime) -> Tried {
        Tried {
            delivery_id: self.delivery_id,
            attempt: self.attempt,
            state: self.state,
            reason: self.code.clone(),
            provider_message_id: self.provider_message_id.clone(),
            next_attempt_at: self.retry_after.map(|after| now + after),
        }
    }

    /// What the fold is told; nothing while it is to be tried again.
    pub(crate) fn fact(&self, work: &Work, now: OffsetDateTime) -> Option<Fact> {
        let kind = kind(self.state)?;
        let mut fact = new_fact(self.delivery_id, kind, self.attempt, work.sender_id, now);
        fact.code = self.code.clone().unwrap_or_default();
        fact.provider_message_id = self.provider_message_id.clone().unwrap_or_default();
        fact.traceparent.clone_from(&work.traceparent);
        if self.state == State::Accepted {
            fact.cost_micros = work.plan.price_micros;
        }
        Some(fact)
    }

    /// What the opt-out register is told when the provider says that the person opted out there.
    pub(crate) fn opt_out(&self, work: &Work, channel: Channel, now: OffsetDateTime) -> Option<Inbound> {
        self.opted_out.then(|| Inbound {
            key: facts::key(&format!("opted_out:{}", self.delivery_id)).to_vec(),
            workspace_id: work.plan.workspace_id.clone(),
            sender_id: work.sender_id.to_string(),
            channel: channel.to_string(),
            from: self.address.clone(),
            delivery_id: self.delivery_id.0,
            intent: InboundIntent::Stop.into(),
            source: "provider".to_owned(),
            occurred_at_ms: outbox::millis(now),
            traceparent: work.traceparent.clone(),
            ..Inbound::default()
        })
    }
}

const fn kind(state: State) -> Option<FactKind> {
    match state {
        State::Accepted => Some(FactKind::Accepted),
        State::Rejected => Some(FactKind::Rejected),
        State::Uncertain => Some(FactKind::Uncertain),
        State::Suppressed => Some(FactKind::Suppressed),
        State::Cancelled => Some(FactKind::Cancelled),
        State::Expired => Some(FactKind::Expired),
        State::Queued | State::Sending | State::RetryWait => None,
    }
}

fn new_fact(delivery: DeliveryId, kind: FactKind, attempt: u32, sender: SenderId, now: OffsetDateTime) -> Fact {
    Fact {
        key: facts::key(&format!("delivery:{delivery}:{}:{attempt}", kind.as_str_name())).to_vec(),
        kind: kind.into(),
        occurred_at_ms: outbox::millis(now),
        delivery_id: delivery.0,
        sender_id: sender.to_string(),
        ..Fact::default()
    }
}

/// The fact of a delivery that the gate stopped.
pub(crate) fn stopped_fact(stopped: &Stopped, sender: SenderId, now: OffsetDateTime) -> Fact {
    let kind = kind(stopped.state).unwrap_or(FactKind::Suppressed);
    Fact { code: stopped.reason.to_owned(), ..new_fact(stopped.delivery_id, kind, 0, sender, now) }
}

/// The fact of a delivery whose worker died with it.
pub(crate) fn lost_fact(lost: &Settled, now: OffsetDateTime) -> Fact {
    let fact = new_fact(lost.delivery_id, FactKind::Uncertain, lost.attempt, lost.sender_id, now);
    Fact { code: "worker_lost".to_owned(), ..fact }
}
