//! What is sent again after it had its end: failures that another channel makes good, runs that open again, and what a person asks for.

use crate::{ORIGIN, Scheduler, expand::told, now};
use domain::{CampaignId, JobId, delivery::State};
use store::{
    reopen::{self, Waiting},
    requeue::{self, Place, Which},
    rescue,
};

/// Failures made good in one transaction.
const RESCUES: i64 = 1_000;
/// Runs opened in one transaction.
const RUNS: i64 = 50;
/// Deliveries looked at in one transaction of a requeue.
const REQUEUED: i64 = 5_000;

/// What a person wants of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    SendFailed,
    SendUnknown,
    WriteOff,
}

impl Scheduler {
    /// Writes deliveries on other channels for failures; answers whether there may be more.
    pub(crate) async fn rescue_some(&self) -> anyhow::Result<bool> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let (taken, rescued) = rescue::take(&mut tx, RESCUES, now).await?;
        if taken == 0 {
            return Ok(false);
        }
        // Written once, in this transaction; the outbox repeats it as it is.
        let key = |_, _| format!("rescued:{}", JobId::new());
        outbox::add(&mut tx, ORIGIN, told(&rescued, true, key, now), &runtime::traceparent::current(), now).await?;
        tx.commit().await?;
        self.outbox.wake();
        self.to_publish.notify_waiters();
        tracing::info!(
            failures = taken,
            written = rescued.iter().map(|part| part.count).sum::<i64>(),
            "failures are tried on another channel"
        );
        Ok(taken as i64 == RESCUES)
    }

    /// Opens runs that are over and have something to send again, or drops that when they may not send any more; answers whether
    /// there may be more.
    pub(crate) async fn reopen_some(&self) -> anyhow::Result<bool> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let waiting = reopen::take(&mut tx, RUNS).await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let mut to_drop = Vec::new();
        for run in &waiting {
            match fate(run) {
                Fate::Open => {}
                Fate::Reopen => {
                    reopen::reopen(&mut tx, run.run_id, now).await?;
                    tracing::info!(campaign.id = %run.campaign_id, run.id = %run.run_id, "a run that was over goes on: something is sent again");
                }
                Fate::Drop(state) => {
                    // Whoever dies before it is dropped leaves a run that is open, which is closed in good order.
                    reopen::keep_open(&mut tx, run.run_id).await?;
                    to_drop.push((run.run_id, state));
                }
            }
        }
        tx.commit().await?;
        for (run, state) in to_drop {
            self.drop_all(run, state).await?;
        }
        self.to_publish.notify_waiters();
        Ok(waiting.len() as i64 == RUNS)
    }

    /// Does what a person wants of a campaign's deliveries, a batch at a time; answers how many. None when its last run may send nothing
    /// any more, or it has none.
    pub(crate) async fn again(&self, campaign: CampaignId, wish: Wish, which: Which<'_>, actor: &str) -> anyhow::Result<Option<u64>> {
        let (mut count, mut place) = (0, Some(Place::default()));
        while let Some(from) = place.take() {
            let now = now();
            let mut tx = self.db.begin().await?;
            let Some(run) = requeue::lock_run(&mut tx, campaign).await? else { return Ok(None) };
            if !matches!(run.campaign_status.as_str(), "ACTIVE" | "PAUSED" | "COMPLETED") && wish != Wish::WriteOff {
                return Ok(None);
            }
            let done = match wish {
                Wish::SendFailed => {
                    let (queued, next) = requeue::failed(&mut tx, &run, which, &from, REQUEUED, actor, now).await?;
                    place = next;
                    queued
                }
                Wish::SendUnknown => requeue::unknown(&mut tx, &run, which, REQUEUED, actor, now).await?,
                Wish::WriteOff => requeue::write_off(&mut tx, &run, which, REQUEUED, actor, now).await?,
            };
            if done > 0 && wish != Wish::WriteOff {
                requeue::extend(&mut tx, run.run_id, now).await?;
                reopen::reopen(&mut tx, run.run_id, now).await?;
            }
            tx.commit().await?;
            count += done;
            if wish != Wish::SendFailed && done == REQUEUED.unsigned_abs() {
                place = Some(from);
            }
        }
        self.to_publish.notify_waiters();
        tracing::info!(campaign.id = %campaign, wish = ?wish, deliveries = count, "a person decided about deliveries");
        Ok(Some(count))
    }
}

enum Fate {
    /// It isn't over at all.
    Open,
    Reopen,
    Drop(State),
}

fn fate(run: &Waiting) -> Fate {
    match (run.status.as_str(), run.campaign_status.as_str()) {
        ("expanding" | "sending", _) => Fate::Open,
        ("completed", "COMPLETED" | "ACTIVE" | "PAUSED") if run.expired => Fate::Drop(State::Expired),
        ("completed", "COMPLETED" | "ACTIVE" | "PAUSED") => Fate::Reopen,
        _ => Fate::Drop(State::Cancelled),
    }
}
