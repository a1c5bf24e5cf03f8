//! The numbers of short links: asked of the database once a link of a run's content, however many messages it is in, and for many
//! messages together where each has links of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use store::{
    Db, Result,
    short_link::{self, Wanted},
};
use time::OffsetDateTime;

/// Numbers kept at most, each with a link of up to 1.4 KB.
const MAX_KEPT: usize = 10_000;
/// Links that one statement stores, at most but for those of a single message.
const MAX_AT_ONCE: usize = 500;

/// Finds the numbers of links, or makes them.
#[derive(Default)]
pub(crate) struct ShortLinks {
    kept: Mutex<Kept>,
    /// Whoever has it asks the database for all that wait.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    numbers: BTreeMap<Wanted, i64>,
    /// What the next statement takes along.
    waiting: BTreeSet<Wanted>,
}

impl ShortLinks {
    /// The numbers of these links; each has one.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn numbers(&self, db: &Db, wanted: &[Wanted]) -> Result<BTreeMap<Wanted, i64>> {
        if let Some(known) = self.known_or_wait(wanted) {
            return Ok(known);
        }
        let _turn = self.turn.lock().await;
        // Whoever had the turn before has taken these along, unless they were too many or it failed.
        if let Some(known) = self.known_or_wait(wanted) {
            return Ok(known);
        }
        let batch = self.take(wanted);
        let numbers = short_link::ensure(&mut *db.acquire().await?, &batch, OffsetDateTime::now_utc()).await?;
        let own = wanted.iter().filter_map(|link| Some((link.clone(), *numbers.get(link)?))).collect();
        self.keep(numbers);
        Ok(own)
    }

    /// All of the numbers, if they are known; else what isn't is put to what waits.
    fn known_or_wait(&self, wanted: &[Wanted]) -> Option<BTreeMap<Wanted, i64>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Option<_> = wanted.iter().map(|link| Some((link.clone(), *kept.numbers.get(link)?))).collect();
        if known.is_none() {
            let unknown: Vec<_> = wanted.iter().filter(|link| !kept.numbers.contains_key(link)).cloned().collect();
            kept.waiting.extend(unknown);
        }
        known
    }

    fn take(&self, own: &[Wanted]) -> Vec<Wanted> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch: BTreeSet<_> = own.iter().cloned().collect();
        for link in own {
            kept.waiting.remove(link);
        }
        while batch.len() < MAX_AT_ONCE
            && let Some(link) = kept.waiting.pop_first()
        {
            batch.insert(link);
        }
        batch.into_iter().collect()
    }

    fn keep(&self, numbers: BTreeMap<Wanted, i64>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.numbers.len() + numbers.len() > MAX_KEPT {
            kept.numbers.clear();
        }
        kept.numbers.extend(numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{RunId, WorkspaceId, tracking::Destination};

    fn link(n: usize) -> Wanted {
        let destination = Destination { url: format!("https://shop.example/{n:04}"), conversion_parameter: String::new() };
        Wanted { run_id: RunId(uuid::Uuid::nil()), workspace_id: WorkspaceId(uuid::Uuid::nil()), destination }
    }

    #[test]
    fn one_statement_takes_along_what_waits() {
        let links = ShortLinks::default();
        assert_eq!(links.known_or_wait(&[link(1)]), None);
        assert_eq!(links.known_or_wait(&[link(2), link(3)]), None);
        assert_eq!(links.take(&[link(2)]), [link(1), link(2), link(3)]);
        assert_eq!(links.take(&[link(4)]), [link(4)], "nothing waits any more");
        links.keep([(link(1), 10), (link(2), 20)].into());
        assert_eq!(links.known_or_wait(&[link(1), link(2)]), Some([(link(1), 10), (link(2), 20)].into()));
        assert_eq!(links.known_or_wait(&[link(2), link(3)]), None, "after a failure it is asked for anew");
        assert_eq!(links.take(&[link(3)]), [link(3)]);
    }

    #[test]
    fn neither_a_statement_nor_what_is_kept_grows_without_end() {
        let links = ShortLinks::default();
        let many: Vec<_> = (0..MAX_AT_ONCE + 100).map(link).collect();
        assert_eq!(links.known_or_wait(&many), None);
        assert_eq!(links.take(&[link(0)]).len(), MAX_AT_ONCE);
        assert_eq!(links.take(&[link(9_999)]).len(), 101);
        for n in 0..3 * MAX_KEPT {
            links.keep([(link(n), 1)].into());
        }
        assert!(links.kept.lock().unwrap().numbers.len() <= MAX_KEPT);
    }
}
