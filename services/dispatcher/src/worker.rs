//! This process as the ledger knows it: an id that fences what it holds, and a heartbeat that says that it is alive.

use crate::Dispatcher;
use anyhow::Context as _;
use domain::{Channel, WorkerId};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};
use store::{Db, record};
use tokio_util::sync::CancellationToken;

/// Heartbeats in one lease: several may be lost before we are thought dead.
const BEATS: u32 = 8;

/// This process.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    /// A worker that isn't seen for this long is dead, and what it holds is uncertain.
    pub(crate) lease: Duration,
    channel: Channel,
    /// For the heartbeat alone: it must not wait behind jobs that wait for the database.
    db: Db,
    /// When the database last heard of us, by our monotonic clock.
    seen: Mutex<Instant>,
}

impl Worker {
    /// `db` is for the heartbeat alone; one connection is enough.
    pub(crate) async fn register(db: Db, channel: Channel, lease: Duration) -> anyhow::Result<Self> {
        let worker = Self { id: WorkerId::new(), lease, channel, db, seen: Mutex::new(Instant::now()) };
        worker.heartbeat().await?;
        Ok(worker)
    }

    async fn heartbeat(&self) -> anyhow::Result<()> {
        // The lease counts from before the call: the database can't have seen us earlier.
        let before = Instant::now();
        let beat = async {
            let mut connection = self.db.acquire().await?;
            record::heartbeat(&mut connection, self.id, self.channel).await
        };
        tokio::time::timeout(self.lease / 2, beat).await.context("the database doesn't answer")??;
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = before;
        Ok(())
    }

    /// Whether we may still act on what we hold: others wait a whole lease, we only half of it.
    pub(crate) fn is_alive(&self) -> bool {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed() < self.lease / 2
    }

    /// Whether what was claimed then may still be handed over: a process that was stopped in between may have been declared dead.
    pub(crate) fn still_holds(&self, claimed_at: Instant) -> bool {
        claimed_at.elapsed() <= self.lease / 2
    }

    pub(crate) async fn sign_off(&self) -> store::Result<()> {
        let mut connection = self.db.acquire().await?;
        record::sign_off(&mut connection, self.id).await
    }
}

impl Dispatcher {
    /// Says that we are alive as long as this may hold something.
    pub(crate) async fn beat(self, ended: CancellationToken) {
        let mut ticks = tokio::time::interval(self.worker.lease / BEATS);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while ended.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.worker.heartbeat().await {
                tracing::warn!(error = format!("{error:#}"), "the database does not know that this worker is alive");
            }
        }
    }
}
