//! The gate: what may leave is decided here, immediately before it leaves, in one transaction. Only what it let through may reach
//! a provider.
//!
//! The steps, in this order: does the run go on, can its sender send, and by which rules ([`standing`]); which of these deliveries wait,
//! what was spent, and the sender's pace (locked by [`claim`]); may each be sent as of now ([`judge`], by the rules of
//! [`domain::gate`]); what the budget allows ([`crate::budget`]); how many may leave by the pace ([`pace`]); mark those `sending` with
//! this worker's id, the others with their reason, and write down every decision. A statement each: at 64 messages a round trip weighs as
//! much as any rule.
//!
//! Locks are taken in this order by whoever takes several: deliveries, `send.spend`, `send.sender_state`, `send.rate_bucket`.

mod claim;
mod hold;
mod judge;
mod mark;
mod pace;
mod plan;
mod standing;

pub use claim::{Claimed, Step};
pub use judge::{Subject, judge, policy};
pub(crate) use pace::take as take_pace;
pub use plan::{Fallback, Plan, plan};
pub use standing::{Standing, revoked};

use crate::{PgConnection, Result, budget};
use claim::{Candidate, Locked};
use domain::{
    Channel, DeliveryId, RunId, SenderId, WorkerId,
    delivery::State,
    gate::{Decision, decide},
    rate::Lane,
};
use mark::Verdict;
use pace::Pace;
use standing::Ground;
use std::time::Duration;
use time::OffsetDateTime;

/// What a worker asks the gate.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub run_id: RunId,
    pub channel: Channel,
    /// The sender that would send them: the run's own, or the one that stands in for it.
    pub sender_id: SenderId,
    pub worker_id: WorkerId,
    /// The deliveries of the job.
    pub delivery_ids: &'a [i64],
    /// How many may leave at most.
    pub limit: u32,
}

/// The gate's answer.
#[derive(Debug)]
pub struct Answer {
    pub standing: Standing,
    /// Let through, and now held by the worker.
    pub claimed: Vec<Claimed>,
    /// Stopped here, for good. `accepted` among them means that an earlier try has left after all.
    pub stopped: Vec<Stopped>,
    /// Whether some of the job's deliveries still wait.
    pub more: bool,
    /// How long until the sender's pace lets the next one leave.
    pub wait: Option<Duration>,
}

/// A delivery that must not leave any more.
#[derive(Debug, Clone)]
pub struct Stopped {
    pub delivery_id: DeliveryId,
    pub state: State,
    pub reason: &'static str,
}

impl Answer {
    const fn of(standing: Standing) -> Self {
        Self { standing, claimed: Vec::new(), stopped: Vec::new(), more: false, wait: None }
    }
}

/// How long until an exhausted budget is looked at again while something that is on its way may still be refunded.
const REFUND_WAIT: Duration = Duration::from_secs(1);

/// Passes deliveries through the gate. In a transaction of its own, which the caller commits before anything is sent.
///
/// # Errors
/// When a statement fails; nothing was let through then.
pub async fn pass(connection: &mut PgConnection, ask: Ask<'_>, now: OffsetDateTime) -> Result<Answer> {
    let Some(ground) = standing::read(connection, ask).await? else { return Ok(Answer::of(Standing::Closed)) };
    match ground.standing {
        Standing::Open => {}
        Standing::Expired => {
            let stopped = mark::expire(connection, ask, now).await?;
            return Ok(Answer { stopped, ..Answer::of(Standing::Expired) });
        }
        standing => return Ok(Answer::of(standing)),
    }
    let limit = match ground.at_most(ask.limit) {
        Ok(limit) => limit,
        Err(wait) => return Ok(Answer { more: true, wait: Some(wait), ..Answer::of(Standing::Open) }),
    };
    let Locked { candidates, spent, pace } = claim::lock(connection, ask, &ground, limit, now).await?;
    let full = candidates.len() as u32 == limit;
    let holding: Vec<i64> = candidates.iter().filter_map(Candidate::holds).collect();
    let (go, mut verdicts) = sort_out(connection, &ground, candidates, now).await?;
    let go = if ground.has_holds { hold::defer(connection, ask.sender_id, go, &mut verdicts, now).await? } else { go };
    let stopped: Vec<Stopped> = verdicts.iter().filter_map(Verdict::stopped).collect();
    let suppressed = stopped.iter().filter(|stopped| stopped.state == State::Suppressed).map(|stopped| stopped.delivery_id.0);
    budget::refund(connection, &suppressed.filter(|id| holding.contains(id)).collect::<Vec<_>>()).await?;
    let granted = grant(connection, ask, &ground, &go, spent, pace).await?;
    let more = full || go.len() > granted.count;
    let leaving: Vec<Candidate> = go.into_iter().take(granted.count).collect();
    verdicts.extend(leaving.iter().map(|candidate| Verdict::pass(&candidate.claimed, ground.stands_in)));
    let spend = granted.spend(&leaving);
    let pace = granted.pace.as_ref().filter(|pace| pace.count > 0 || ground.policy.transactional);
    mark::mark(connection, ask, &ground, &verdicts, spend, pace, now).await?;
    let claimed = leaving.into_iter().map(|candidate| candidate.claimed).collect();
    Ok(Answer { standing: granted.standing, claimed, stopped, more, wait: granted.wait })
}

/// Parts the candidates into those that may leave now, and verdicts over the others.
async fn sort_out(
    connection: &mut PgConnection,
    ground: &Ground,
    candidates: Vec<Candidate>,
    now: OffsetDateTime,
) -> Result<(Vec<Candidate>, Vec<Verdict>)> {
    let subjects: Vec<_> = candidates.iter().map(Candidate::subject).collect();
    let known = judge::judge(connection, ground.campaign_id, &ground.policy, &subjects, now).await?;
    let (mut go, mut verdicts) = (Vec::with_capacity(candidates.len()), Vec::new());
    for (candidate, known) in candidates.into_iter().zip(known) {
        let id = candidate.claimed.delivery_id;
        match decide(&ground.policy, &known, now) {
            Decision::Pass => match candidate.forgotten() {
                Some(verdict) => verdicts.push(verdict),
                None => go.push(candidate),
            },
            Decision::Suppress { reason, rule } => verdicts.push(candidate.suppress(reason, rule)),
            Decision::Defer { until, reason, rule } => verdicts.push(Verdict::defer(id, until, reason, rule)),
            Decision::AlreadySent => verdicts.push(Verdict::already_sent(id)),
        }
    }
    Ok((go, verdicts))
}

/// How many may leave, and what that changes.
struct Granted {
    standing: Standing,
    count: usize,
    wait: Option<Duration>,
    /// The sender's pace after these have left; None when none may.
    pace: Option<domain::rate::Grant>,
    /// What one message costs of a budget; None without a budget.
    price_micros: Option<i64>,
    /// Whether the one that leaves finds out whether its sender works again.
    is_probe: bool,
}

impl Granted {
    const fn none(standing: Standing, wait: Option<Duration>) -> Self {
        Self { standing, count: 0, wait, pace: None, price_micros: None, is_probe: false }
    }

    fn spend(&self, leaving: &[Candidate]) -> mark::Spend {
        let micros = self.price_micros.map_or(0, |price| leaving.iter().map(|candidate| candidate.costs(price)).sum());
        mark::Spend { price_micros: self.price_micros, micros, is_probe: self.is_probe && !leaving.is_empty() }
    }
}

/// Asks the budget, the sender's breaker and its pace, in the order of their locks.
async fn grant(
    connection: &mut PgConnection,
    ask: Ask<'_>,
    ground: &Ground,
    go: &[Candidate],
    spent: Option<budget::Spent>,
    pace: Option<Pace>,
) -> Result<Granted> {
    if go.is_empty() {
        return Ok(Granted::none(Standing::Open, None));
    }
    let mut want = go.len();
    let price_micros = ground.limits.is_some().then_some(ground.price_micros);
    if let Some(limits) = ground.limits {
        let left = limits.left(match spent {
            Some(spent) => spent,
            None => budget::begin(connection, ground.campaign_id, ground.workspace_id, ask.channel).await?,
        });
        want = affordable(go, ground.price_micros, left.micros);
        if want == 0 {
            let waits = budget::is_in_flight(connection, ground.campaign_id, left.of_channel.then_some(ask.channel)).await?;
            let wait = waits.then_some(REFUND_WAIT);
            return Ok(Granted::none(Standing::OverBudget { of_channel: left.of_channel, wait }, wait));
        }
    }
    if ground.is_probe
        && let Some(until) = standing::lock_probe(connection, ask.sender_id).await?
    {
        return Ok(Granted::none(Standing::SenderDown { until }, None));
    }
    let lane = if ground.policy.transactional { Lane::Fast } else { Lane::Bulk };
    let granted = match pace {
        Some(pace) => pace.grant(want as u32, lane),
        None => pace::take(connection, ask.sender_id, want as u32, lane).await?,
    };
    let (count, wait) = (granted.count as usize, granted.wait);
    Ok(Granted { standing: Standing::Open, count, wait, pace: Some(granted), price_micros, is_probe: ground.is_probe })
}

/// How many of the first can be paid for.
fn affordable(go: &[Candidate], price: i64, mut left: i64) -> usize {
    let paid = go.iter().take_while(|candidate| {
        left -= candidate.costs(price);
        left >= 0
    });
    paid.count()
}
