//! Keeping house: retries whose time has come, jobs that got lost, what is dropped, and runs that are over.

use crate::{ORIGIN, Scheduler, now};
use domain::{RunId, delivery::State, facts};
use proto::event::{Count, Fact, FactKind};
use std::time::Duration;
use store::{
    job::{self, Dropped},
    run::{self, OpenRun},
};
use time::OffsetDateTime;

/// Retries woken in one go.
const RETRIES_AT_ONCE: i64 = 2_000;
/// A published job that nobody has touched for this long is published again. Longer than the half minute that a job may wait.
const LOST_AFTER: Duration = Duration::from_secs(120);

impl Scheduler {
    /// Does each of the chores once; answers whether there is more to do at once.
    pub(crate) async fn keep_house(&self) -> anyhow::Result<bool> {
        let now = now();
        let (woken, lost, runs) = {
            let mut connection = self.db.acquire().await?;
            let woken = job::wake_retries(&mut connection, now, RETRIES_AT_ONCE).await?;
            let lost = job::take_back_lost(&mut connection, now - LOST_AFTER).await?;
            (woken, lost, run::open(&mut connection, now).await?)
        };
        if lost > 0 {
            tracing::warn!(jobs = lost, "jobs that nobody worked on are published again");
        }
        if woken > 0 || lost > 0 {
            self.to_publish.notify_waiters();
        }
        for open in runs {
            self.close(&open, now).await?;
        }
        Ok(woken == RETRIES_AT_ONCE)
    }

    async fn close(&self, open: &OpenRun, now: OffsetDateTime) -> anyhow::Result<()> {
        let cancelled = open.campaign_status == "CANCELLED";
        if cancelled || open.expired {
            self.drop_all(open.run_id, if cancelled { State::Cancelled } else { State::Expired }).await?;
        } else if open.status == "expanding" {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        if !run::has_pending(&mut tx, open.run_id).await? {
            run::finish(&mut tx, open.run_id, if cancelled { "cancelled" } else { "completed" }, now).await?;
            tracing::info!(campaign.id = %open.campaign_id, run.id = %open.run_id, cancelled, "a run is over");
        }
        tx.commit().await?;
        Ok(())
    }

    /// Drops all of a run that hasn't left; what a worker holds at this moment is settled by that worker.
    pub(crate) async fn drop_all(&self, run: RunId, state: State) -> anyhow::Result<()> {
        loop {
            let now = now();
            let mut tx = self.db.begin().await?;
            let (jobs, dropped) = job::drop_some(&mut tx, run, state, now).await?;
            let facts = self.dropped_facts(&mut tx, run, state, &dropped, now).await?;
            outbox::add(&mut tx, ORIGIN, facts, &runtime::traceparent::current(), now).await?;
            tx.commit().await?;
            self.outbox.wake();
            if jobs == 0 && dropped.is_empty() {
                return Ok(());
            }
        }
    }

    async fn dropped_facts(
        &self,
        tx: &mut store::Tx,
        run: RunId,
        state: State,
        dropped: &[Dropped],
        now: OffsetDateTime,
    ) -> anyhow::Result<Vec<Fact>> {
        if dropped.is_empty() {
            return Ok(Vec::new());
        }
        let owner = run::owner(tx, run).await?;
        Ok(dropped
            .iter()
            .map(|dropped| Fact {
                // What is dropped is dropped once, in this transaction: its instant makes the key.
                key: facts::key(&format!("dropped:{run}:{}:{}", dropped.channel, now.unix_timestamp_nanos())).to_vec(),
                kind: FactKind::Dropped.into(),
                occurred_at_ms: outbox::millis(now),
                sender_id: dropped.sender_id.to_string(),
                count: Some(Count {
                    workspace_id: owner.workspace_id.to_string(),
                    campaign_id: owner.campaign_id.to_string(),
                    run_id: run.to_string(),
                    channel: dropped.channel.to_string(),
                    sender_id: dropped.sender_id.to_string(),
                    cancelled: if state == State::Cancelled { dropped.count.unsigned_abs() } else { 0 },
                    expired: if state == State::Expired { dropped.count.unsigned_abs() } else { 0 },
                    ..Count::default()
                }),
                ..Fact::default()
            })
            .collect())
    }
}
