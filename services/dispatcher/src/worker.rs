//! This process as the ledger knows it: an id that fences what it holds, and a heartbeat that says that it is alive.

use crate::Dispatcher;
use domain::{Channel, WorkerId};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};
use store::{Db, record};
use tokio_util::sync::CancellationToken;

/// A worker that isn't seen for this long is dead, and what it holds is uncertain.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(2);

/// This process.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    channel: Channel,
    /// When the database last heard of us, by our monotonic clock.
    seen: Mutex<Instant>,
}

impl Worker {
    pub(crate) async fn register(db: &Db, channel: Channel) -> store::Result<Self> {
        let worker = Self { id: WorkerId::new(), channel, seen: Mutex::new(Instant::now()) };
        worker.heartbeat(db).await?;
        Ok(worker)
    }

    async fn heartbeat(&self, db: &Db) -> store::Result<()> {
        // The lease counts from before the call: the database can't have seen us earlier.
        let before = Instant::now();
        let mut connection = db.acquire().await?;
        record::heartbeat(&mut connection, self.id, self.channel).await?;
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = before;
        Ok(())
    }

    /// Whether we may still act on what we hold: others wait a whole lease, we only half of it.
    pub(crate) fn is_alive(&self) -> bool {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed() < LEASE / 2
    }

    pub(crate) async fn sign_off(&self, db: &Db) -> store::Result<()> {
        let mut connection = db.acquire().await?;
        record::sign_off(&mut connection, self.id).await
    }
}

impl Dispatcher {
    /// Says that we are alive as long as this may hold something.
    pub(crate) async fn beat(self, ended: CancellationToken) {
        let mut ticks = tokio::time::interval(HEARTBEAT);
        while ended.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.worker.heartbeat(&self.db).await {
                tracing::warn!(%error, "the database does not know that this worker is alive");
            }
        }
    }
}
