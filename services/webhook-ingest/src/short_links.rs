//! Where short links lead to, looked up in the ledger and kept: a link never changes, and thousands of people follow the same one.

use crate::{commit::ANSWER_WITHIN, problem::Problem};
use domain::tracking::Destination;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use store::Db;
use tokio::time::timeout;

/// Links kept at most, with up to 1.4 KB each.
const MAX_KEPT: usize = 10_000;

/// Finds destinations by the numbers of their links.
pub(crate) struct ShortLinks {
    db: Db,
    kept: Mutex<HashMap<i64, Arc<Destination>>>,
}

impl ShortLinks {
    pub fn new(db: Db) -> Self {
        Self { db, kept: Mutex::default() }
    }

    /// Where the link leads; None when there is none of that number.
    ///
    /// # Errors
    /// When the database doesn't answer in time.
    pub async fn find(&self, link: i64) -> Result<Option<Arc<Destination>>, Problem> {
        if let Some(known) = self.known(link) {
            return Ok(Some(known));
        }
        let find = async { store::short_link::find(&mut *self.db.acquire().await?, link).await };
        let found = timeout(ANSWER_WITHIN, find).await.map_err(|_| Problem::Unavailable)?.map_err(|error: store::Error| {
            tracing::error!(%error, "a short link could not be looked up");
            Problem::Unavailable
        })?;
        Ok(found.map(|destination| self.keep(link, destination)))
    }

    fn known(&self, link: i64) -> Option<Arc<Destination>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&link).cloned()
    }

    fn keep(&self, link: i64, destination: Destination) -> Arc<Destination> {
        let destination = Arc::new(destination);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(link, destination.clone());
        destination
    }
}
