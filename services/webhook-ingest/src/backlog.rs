//! How much of what was taken in waits to be published and folded. Beyond a limit no more is taken in: the database's disk has an end.

use crate::{ORIGIN, now};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::Db;
use tokio_util::sync::CancellationToken;

const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Rows of this service in the outbox. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Backlog {
    rows: Arc<AtomicI64>,
    limit: i64,
}

impl Backlog {
    pub fn new(limit: i64) -> Self {
        Self { rows: Arc::default(), limit }
    }

    pub fn is_full(&self) -> bool {
        self.rows.load(Ordering::Relaxed) > self.limit
    }

    /// Rows that were written since they were counted last.
    pub fn add(&self, rows: usize) {
        self.rows.fetch_add(i64::try_from(rows).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Counts again and again until shutdown. While the database doesn't answer, the last count holds.
    pub async fn watch(self, db: Db, shutdown: CancellationToken) {
        let mut was_full = false;
        while shutdown.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await.is_some() {
            match shutdown.run_until_cancelled(self.count(&db)).await {
                Some(Ok(rows)) => self.rows.store(rows, Ordering::Relaxed),
                Some(Err(error)) => tracing::warn!(%error, "the backlog could not be counted"),
                None => return,
            }
            if was_full != self.is_full() {
                was_full = self.is_full();
                tracing::warn!(full = was_full, limit = self.limit, "the backlog's limit; what is posted beyond it is answered with 503");
            }
        }
    }

    async fn count(&self, db: &Db) -> store::Result<i64> {
        store::outbox::backlog(&mut *db.acquire().await?, ORIGIN, self.limit + 1, now()).await
    }
}
