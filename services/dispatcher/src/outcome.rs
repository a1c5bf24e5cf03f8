//! From what a provider said to what the ledger, the fold and the sender are told.

use crate::{job::Work, told};
use domain::{
    Channel, DeliveryId,
    delivery::{self, LONGEST_STEPS, MAX_ATTEMPTS, MAX_REPEATS, State, backoff, reason},
    facts,
    render::RenderError,
};
use proto::event::{Fact, Inbound, InboundIntent, Origin};
use providers::{Fault, FaultAction, NOT_TRIED, Outcome};
use serde_json::Value;
use std::time::Duration;
use store::{gate::Claimed, record::Tried};
use time::OffsetDateTime;

/// How long a sender that was told to slow down rests when the provider doesn't say.
const THROTTLED: Duration = Duration::from_secs(5);
/// How long a message waits whose content a person has to mend.
const UNUSABLE: Duration = Duration::from_secs(60);
/// How long a message that goes on in steps waits between two of them.
const SHORTEST_STEP: Duration = Duration::from_secs(1);
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// How long a message waits whose sender's token is being refreshed.
const RECONNECTING: Duration = Duration::from_secs(30);
/// How long a message waits whose domain takes it too slowly, at least; the domain's own hold may be longer.
const DOMAIN_HELD: Duration = Duration::from_secs(60);
/// How long it rests at most: a wrong header must not stop it for days.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// What one try says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Nothing: it never came to a call, or the answer can't be told from silence.
    Nothing,
    /// The provider answered.
    Answered,
    /// The provider is down, or can't be reached.
    Silent,
}

/// What happens to the whole sender, or to all that goes by one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    SlowDown(Duration),
    PauseSender,
    PauseTemplate,
    /// It goes on, but a person should know.
    Warn,
    /// Its token is to be refreshed.
    Reconnect,
    /// The domain that the message goes to takes it too slowly; with how long it asked to wait.
    SlowDomain(Option<Duration>),
}

/// What became of one try.
pub(crate) struct Done {
    pub(crate) tried: Tried,
    pub(crate) address: String,
    retry_after: Option<Duration>,
    opted_out: bool,
    pub(crate) sign: Sign,
    pub(crate) effect: Option<Effect>,
    /// The provider's own words, for a person.
    pub(crate) detail: String,
}

impl Done {
    /// `jitter` in 0..1 spreads the retries.
    pub(crate) fn from_outcome(claimed: &Claimed, outcome: Outcome, jitter: f64, now: OffsetDateTime) -> Self {
        match outcome {
            Outcome::Accepted { provider_message_id, permalink } => {
                let provider_message_id = Some(provider_message_id);
                let tried = Tried { provider_message_id, permalink, ..tried(claimed, State::Accepted, None) };
                Self { sign: Sign::Answered, ..Self::new(claimed, tried) }
            }
            Outcome::Uncertain(fault) => {
                tracing::warn!(code = fault.code, detail = fault.detail, "whether the provider took it can't be known");
                let sign = if fault.says_down() { Sign::Silent } else { Sign::Nothing };
                let rule = "whether it left can't be known".to_owned();
                let tried = Tried { rule, ..tried(claimed, State::Uncertain, Some(&fault)) };
                Self { sign, detail: fault.detail, ..Self::new(claimed, tried) }
            }
            // A batch that has little time goes on in the next one, as often as it takes.
            Outcome::Refused(fault) if fault.code == NOT_TRIED => Self::not_sent(claimed, NOT_TRIED),
            Outcome::Refused(fault) => Self::refused(claimed, fault, jitter),
            Outcome::Pending { progress, again_after } => Self::pending(claimed, progress, again_after, now),
        }
    }

    /// It goes on in the next try; nothing has failed, unless it has gone on like this for too long.
    fn pending(claimed: &Claimed, progress: Value, again_after: Duration, now: OffsetDateTime) -> Self {
        if claimed.step.as_ref().is_some_and(|step| now - step.begun_at > LONGEST_STEPS) {
            let rule = format!("its provider prepared it for more than {}", words(LONGEST_STEPS));
            let reason = Some(reason::PENDING_TOO_LONG.to_owned());
            let tried = Tried { reason, rule, rescue: true, ..tried(claimed, State::Rejected, None) };
            return Self { sign: Sign::Answered, ..Self::new(claimed, tried) };
        }
        let after = again_after.clamp(SHORTEST_STEP, LONGEST_STEP);
        let rule = format!("its provider prepares it: gone on with after {}", words(after));
        let tried = Tried { rule, progress: Some(progress), ..tried(claimed, State::RetryWait, None) };
        Self { retry_after: Some(after), sign: Sign::Answered, ..Self::new(claimed, tried) }
    }

    fn refused(claimed: &Claimed, fault: Fault, jitter: f64) -> Self {
        let down = fault.says_down();
        let failures = claimed.attempt.saturating_sub(claimed.step.as_ref().map_or(0, |step| step.steps));
        let retry = Retry::of(fault.action, &fault.code, claimed.last_code.as_deref(), claimed.repeats, failures, down, jitter);
        let effect = effect(fault.action);
        let state = if retry.after.is_some() { State::RetryWait } else { State::Rejected };
        let opted_out = fault.action == FaultAction::OptOut;
        let tried = Tried { rule: retry.rule, rescue: !opted_out, ..tried(claimed, state, Some(&fault)) };
        let sign = if down { Sign::Silent } else { Sign::Answered };
        Self { retry_after: retry.after, opted_out, sign, effect, detail: fault.detail, ..Self::new(claimed, tried) }
    }

    /// The content can't be rendered for this contact: an empty or broken message never leaves.
    pub(crate) fn unrenderable(claimed: &Claimed, error: &RenderError) -> Self {
        tracing::warn!(delivery.id = %claimed.delivery_id, code = error.code(), "the content can't be rendered for this contact");
        let reason = reason::of_unrendered(error);
        let rule = match reason {
            reason::MISSING_VARIABLE => "a variable has no value for this contact, and the template says to skip it then",
            _ => "the content can't be rendered for this contact",
        };
        let tried = Tried { reason: Some(reason.to_owned()), rule: rule.to_owned(), ..tried(claimed, State::Suppressed, None) };
        Self::new(claimed, tried)
    }

    /// A rule that only the finished message shows says that it must not be sent.
    pub(crate) fn suppressed(claimed: &Claimed, reason: &'static str, rule: String) -> Self {
        let tried = Tried { reason: Some(reason.to_owned()), rule, ..tried(claimed, State::Suppressed, None) };
        Self::new(claimed, tried)
    }

    /// The same, of a message that costs what it says: known as soon as it has left, or may have.
    pub(crate) fn costing(mut self, cost_micros: Option<i64>) -> Self {
        if matches!(self.tried.state, State::Accepted | State::Uncertain) {
            self.tried.cost_micros = cost_micros;
        }
        self
    }

    /// It was certainly not handed to the provider. A row of failures before it goes on after it.
    pub(crate) fn not_sent(claimed: &Claimed, why: &str) -> Self {
        let reason = claimed.last_code.clone().or_else(|| Some(why.to_owned()));
        let rule = format!("it was not handed over ({why}): tried again at once");
        let tried = Tried { reason, repeats: claimed.repeats, rule, ..tried(claimed, State::RetryWait, None) };
        Self { retry_after: Some(Duration::ZERO), ..Self::new(claimed, tried) }
    }

    /// The same, of one that can't be sent before a person has mended something.
    pub(crate) fn held_back(claimed: &Claimed, why: &str) -> Self {
        let mut done = Self::not_sent(claimed, why);
        done.tried.rule = format!("it was not handed over ({why}): tried again after {}", words(UNUSABLE));
        done.retry_after = Some(UNUSABLE);
        done
    }

    fn new(claimed: &Claimed, tried: Tried) -> Self {
        Self {
            tried,
            address: claimed.address.clone(),
            retry_after: None,
            opted_out: false,
            sign: Sign::Nothing,
            effect: None,
            detail: String::new(),
        }
    }

    pub(crate) fn delivery_id(&self) -> DeliveryId {
        self.tried.delivery_id
    }

    /// The provider's code; empty when it gave none.
    pub(crate) fn code(&self) -> &str {
        self.tried.reason.as_deref().unwrap_or_default()
    }

    pub(crate) fn tried(&self, settle_after: Duration, now: OffsetDateTime) -> Tried {
        Tried {
            next_attempt_at: self.retry_after.map(|after| now + after),
            settle_at: (self.tried.state == State::Uncertain).then(|| now + settle_after),
            ..self.tried.clone()
        }
    }

    /// What the fold is told; nothing while it is to be tried again.
    pub(crate) fn fact(&self, work: &Work, now: OffsetDateTime) -> Option<Fact> {
        let kind = told::kind(self.tried.state)?;
        let mut fact = outbox::about(self.delivery_id(), kind, self.tried.attempt, work.sender_id, now);
        fact.code = self.code().to_owned();
        fact.provider_message_id = self.tried.provider_message_id.clone().unwrap_or_default();
        fact.traceparent.clone_from(&work.traceparent);
        if self.tried.state == State::Accepted {
            fact.cost_micros = self.tried.cost_micros.unwrap_or(work.price_micros);
        } else if self.tried.state == State::Uncertain {
            // Should a report say that it left, it has cost this.
            fact.cost_micros = self.tried.cost_micros.unwrap_or_default();
        }
        Some(fact)
    }

    /// What the opt-out register is told when the provider says that the person opted out there.
    pub(crate) fn opt_out(&self, work: &Work, channel: Channel, now: OffsetDateTime) -> Option<Inbound> {
        self.opted_out.then(|| Inbound {
            key: facts::key(&format!("opted_out:{}", self.delivery_id())).to_vec(),
            workspace_id: work.plan.workspace_id.clone(),
            sender_id: work.sender_id.to_string(),
            channel: channel.to_string(),
            from: self.address.clone(),
            delivery_id: self.delivery_id().0,
            intent: InboundIntent::Stop.into(),
            source: "provider".to_owned(),
            origin: Some(Origin { code: self.code().to_owned(), ..Origin::default() }),
            occurred_at_ms: outbox::millis(now),
            traceparent: work.traceparent.clone(),
            ..Inbound::default()
        })
    }
}

fn tried(claimed: &Claimed, state: State, fault: Option<&Fault>) -> Tried {
    let code = fault.map(|fault| fault.code.as_str());
    let repeats = code.map_or(0, |code| delivery::repeats(claimed.last_code.as_deref(), claimed.repeats, code));
    let has_progress = claimed.step.is_some();
    Tried { reason: code.map(str::to_owned), repeats, has_progress, ..Tried::new(claimed.delivery_id, claimed.attempt, state) }
}

/// What a fault does to others than its own message.
pub(crate) fn effect(action: FaultAction) -> Option<Effect> {
    match action {
        FaultAction::Throttle { after } => Some(Effect::SlowDown(after.unwrap_or(THROTTLED).min(LONGEST_HOLD))),
        FaultAction::PauseSender => Some(Effect::PauseSender),
        FaultAction::PauseTemplate => Some(Effect::PauseTemplate),
        FaultAction::FixAccount => Some(Effect::Warn),
        FaultAction::Reconnect => Some(Effect::Reconnect),
        FaultAction::SlowDomain { after } => Some(Effect::SlowDomain(after.map(|after| after.min(LONGEST_HOLD)))),
        _ => None,
    }
}

/// Whether a message is tried again after a failure, when, and the rule in words.
pub(crate) struct Retry {
    /// None: it has failed for good.
    pub(crate) after: Option<Duration>,
    /// How often in a row it has failed with this code, this time included.
    pub(crate) repeats: u32,
    pub(crate) rule: String,
}

impl Retry {
    /// `last` is the code that it failed with before, `times` in a row. What is the sender's fault or the provider's, and not the
    /// message's, never loses a message before it expires.
    pub(crate) fn of(action: FaultAction, code: &str, last: Option<&str>, times: u32, attempt: u32, down: bool, jitter: f64) -> Self {
        let repeats = delivery::repeats(last, times, code);
        let asked = match action {
            FaultAction::Throttle { after } => Some(after.unwrap_or(THROTTLED)),
            FaultAction::Reconnect => Some(RECONNECTING),
            FaultAction::SlowDomain { after } => Some(after.unwrap_or(DOMAIN_HELD)),
            action => action.wait(repeats),
        };
        let exhausted = match action {
            FaultAction::Retry { .. } if !down => attempt >= MAX_ATTEMPTS || repeats >= MAX_REPEATS,
            FaultAction::Ladder { .. } => attempt >= MAX_ATTEMPTS,
            _ => false,
        };
        if action.gives_up(repeats) || exhausted {
            let final_at_once =
                matches!(action, FaultAction::Permanent | FaultAction::FixAccount | FaultAction::InvalidAddress | FaultAction::OptOut);
            let rule = if final_at_once { "refused for good".to_owned() } else { format!("given up after {repeats} times") };
            return Self { after: None, repeats, rule };
        }
        let after = backoff(repeats, asked, jitter);
        let why = match action {
            FaultAction::Throttle { .. } => "its sender goes too fast",
            FaultAction::PauseSender => "its sender is paused until a person mends it",
            FaultAction::PauseTemplate => "its template is paused until a person mends it",
            FaultAction::Reconnect => "its sender's token is refreshed",
            FaultAction::SlowDomain { .. } => "its domain takes mail too slowly",
            _ if down => "its provider is down",
            _ => "a passing fault",
        };
        Self { after: Some(after), repeats, rule: format!("{why}: tried again after {}", words(after)) }
    }
}

/// A duration in the largest unit that still says it well.
pub(crate) fn words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
