//! Keeping house: retries whose time has come, jobs that got lost, what is dropped, budgets that are used up, and runs that are over.

use crate::{ORIGIN, Scheduler, now};
use bus::Subject;
use domain::{Channel, DeliveryId, JobId, RunId, delivery::State, facts};
use proto::event::{Count, Fact, FactKind};
use std::time::Duration;
use store::{
    budget,
    job::{self, Dropped},
    run::{self, OpenRun, Owner},
};
use time::OffsetDateTime;

/// Retries woken in one go.
const RETRIES_AT_ONCE: i64 = 2_000;
/// A published job that nobody has touched for this long is published again. Longer than the half minute that a job may wait.
const LOST_AFTER: Duration = Duration::from_secs(120);
/// How much earlier than the oldest message of its lane a job must have been published not to be among what the broker has: it is marked
/// as published by another clock, and in one go with others.
const APART: time::Duration = time::Duration::minutes(1);

impl Scheduler {
    /// Does each of the chores once; answers whether there is more to do at once.
    pub(crate) async fn keep_house(&self) -> anyhow::Result<bool> {
        let now = now();
        // What waits in a run that is over opens it before its time comes, or is dropped.
        let mut more = self.rescue_some().await? | self.reopen_some().await?;
        let (woken, runs) = {
            let mut connection = self.db.acquire().await?;
            for campaign in budget::pause_exhausted(&mut connection, now).await? {
                tracing::warn!(campaign.id = %campaign, "the budget is used up: the campaign is paused");
            }
            let woken = job::wake_retries(&mut connection, now, RETRIES_AT_ONCE).await?;
            (woken, run::to_close(&mut connection).await?)
        };
        if woken > 0 {
            self.to_publish.notify_waiters();
        }
        more |= woken == RETRIES_AT_ONCE;
        for open in runs {
            // One run's trouble, or its size, is not the others'.
            match self.close(&open, now).await {
                Ok(has_more) => more |= has_more,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), run.id = %open.run_id, "a run could not be closed; trying again")
                }
            }
        }
        Ok(more)
    }

    /// Takes back jobs that the broker has lost or given up, to be published again. What it still has waits for a dispatcher, however long
    /// that is down, and needs no second copy.
    pub(crate) async fn take_back_lost(&self) -> anyhow::Result<bool> {
        let mut lost = 0;
        for channel in Channel::ALL {
            for (subject, is_fast) in [(Subject::send(channel), false), (Subject::send_fast(channel), true)] {
                let held_since = self.bus.held(&subject).await?.oldest_at.map(|oldest| oldest - APART);
                let mut connection = self.db.acquire().await?;
                lost += job::take_back_lost(&mut connection, channel, is_fast, LOST_AFTER, held_since).await?;
            }
        }
        if lost > 0 {
            tracing::warn!(jobs = lost, "jobs that the broker does not have any more are published again");
            self.to_publish.notify_waiters();
        }
        Ok(false)
    }

    /// Drops some of what a run may not send any more, and ends it when nothing of it is left; answers whether there is more to drop.
    async fn close(&self, open: &OpenRun, now: OffsetDateTime) -> anyhow::Result<bool> {
        let cancelled = open.campaign_status == "CANCELLED";
        if cancelled || open.expired {
            let state = if cancelled { State::Cancelled } else { State::Expired };
            if self.drop_some(open.run_id, state).await? {
                return Ok(true);
            }
        }
        let mut tx = self.db.begin().await?;
        if run::lock_open(&mut tx, open.run_id).await? && !run::has_pending(&mut tx, open.run_id).await? {
            run::finish(&mut tx, open.run_id, if cancelled { "cancelled" } else { "completed" }, now).await?;
            tracing::info!(campaign.id = %open.campaign_id, run.id = %open.run_id, cancelled, "a run is over");
        }
        tx.commit().await?;
        Ok(false)
    }

    /// Drops all of a run that hasn't left, a chunk that is being written included; what a worker holds at this moment is settled by
    /// that worker.
    pub(crate) async fn drop_all(&self, run: RunId, state: State) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        run::lock_open(&mut tx, run).await?;
        tx.commit().await?;
        while self.drop_some(run, state).await? {}
        Ok(())
    }

    /// Drops up to some 10,000; answers whether there may be more.
    async fn drop_some(&self, run: RunId, state: State) -> anyhow::Result<bool> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let (jobs, dropped) = job::drop_some(&mut tx, run, state, now).await?;
        if !dropped.is_empty() {
            let owner = run::owner(&mut tx, run).await?;
            let facts = dropped.iter().flat_map(|part| facts_of(run, owner, state, part, now)).collect();
            outbox::add(&mut tx, ORIGIN, facts, &runtime::traceparent::current(), now).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        Ok(jobs > 0 || !dropped.is_empty())
    }
}

/// One fact for all that nothing was ever told of, and one for each of the others, whose figures may have to move.
fn facts_of(run: RunId, owner: Owner, state: State, dropped: &Dropped, now: OffsetDateTime) -> Vec<Fact> {
    let (kind, cancelled, expired) = match state {
        State::Expired => (FactKind::Expired, 0, dropped.untouched.unsigned_abs()),
        _ => (FactKind::Cancelled, dropped.untouched.unsigned_abs(), 0),
    };
    let count = Count {
        workspace_id: owner.workspace_id.to_string(),
        campaign_id: owner.campaign_id.to_string(),
        run_id: run.to_string(),
        channel: dropped.channel.to_string(),
        sender_id: dropped.sender_id.to_string(),
        cancelled,
        expired,
        ..Count::default()
    };
    let one = |kind: FactKind, (id, attempt): &(DeliveryId, u32)| outbox::about(*id, kind, *attempt, dropped.sender_id, now);
    let mut told: Vec<_> = dropped.tried.iter().map(|tried| one(kind, tried)).collect();
    told.extend(dropped.unknown.iter().map(|tried| one(FactKind::Unknown, tried)));
    if dropped.untouched > 0 {
        // Written once, in this transaction; the outbox repeats it as it is.
        let key = facts::key(&format!("dropped:{}", JobId::new())).to_vec();
        let (occurred_at_ms, sender_id) = (outbox::millis(now), count.sender_id.clone());
        told.push(Fact { key, kind: FactKind::Dropped.into(), occurred_at_ms, sender_id, count: Some(count), ..Fact::default() });
    }
    told
}
