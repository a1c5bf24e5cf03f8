//! Mailboxes of bounces, each read by one process at a time, from where the last visit ended.
//!
//! A place is noted only when what was read up to it is in the database: a visit that breaks off is made again, and what it stored counts
//! once by its key.

use super::Taker;
use crate::now;
use futures::future::join_all;
use providers::{
    Account, Mailbox, Secret,
    mailbox::{Place, Read},
};
use runtime::seal::Kek;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    Db,
    bounce_mailbox::{self, Due, Visited},
};
use tokio_util::sync::CancellationToken;

/// How often it is looked for mailboxes whose time has come.
const EVERY: Duration = Duration::from_secs(5);
/// Mailboxes that are read at once: a server that answers slowly keeps up a part of the others only.
const AT_ONCE: usize = 4;
/// How often a mailbox is visited.
const VISIT_EVERY: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Longer than any visit: each call has a deadline.
const LEASE: Duration = Duration::from_secs(300);
/// Letters of one visit: 25 MB at most.
const LETTERS: usize = 100;
const FAULT_MAX_CHARS: usize = 200;

/// Reads all mailboxes that senders name.
pub(crate) struct Mailboxes {
    pub db: Db,
    pub kek: Kek,
    pub taker: Taker,
}

impl Mailboxes {
    /// Works until it is to end.
    pub async fn run(self, end: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while end.run_until_cancelled(ticks.tick()).await.is_some() {
            // A visit that is broken off is made again when its claim has run out; whatever it stored counts once.
            if let Some(Err(error)) = end.run_until_cancelled(self.round(&end)).await {
                tracing::warn!(error = format!("{error:#}"), "mailboxes of bounces could not be read; trying again");
            }
        }
    }

    async fn round(&self, end: &CancellationToken) -> anyhow::Result<()> {
        bounce_mailbox::plan(&mut *self.db.acquire().await?, now()).await?;
        join_all((0..AT_ONCE).map(|_| self.visit_due(end))).await.into_iter().collect()
    }

    async fn visit_due(&self, end: &CancellationToken) -> anyhow::Result<()> {
        while !end.is_cancelled() {
            let due = bounce_mailbox::take(&mut *self.db.acquire().await?, LEASE, now()).await?;
            let Some(due) = due else { return Ok(()) };
            let Some(mailbox) = self.open(&due).await else { continue };
            let (place, next, fault) = match self.visit(&*mailbox, &due).await {
                Ok((place, true)) => (place, Duration::ZERO, String::new()),
                Ok((place, false)) => (place, VISIT_EVERY, String::new()),
                Err(error) => {
                    tracing::warn!(sender.id = %due.sender_id, %error, "a mailbox of bounces can't be read");
                    (of(&due), wait_after(due.failures), error.to_string().chars().take(FAULT_MAX_CHARS).collect())
                }
            };
            let visited = Visited { validity: place.validity, uid: place.uid, next_at: now() + next, fault: &fault };
            bounce_mailbox::visited(&mut *self.db.acquire().await?, due.sender_id, visited, now()).await?;
        }
        Ok(())
    }

    /// None: there is nothing to visit, or the account can't be used, and that is noted.
    async fn open(&self, due: &Due) -> Option<Arc<dyn Mailbox>> {
        let failed = match self.mailbox_of(due).await {
            Ok(Some(mailbox)) => return Some(mailbox),
            Ok(None) => None,
            Err(error) => Some(format!("{error:#}")),
        };
        let noted = async {
            let mut connection = self.db.acquire().await?;
            match &failed {
                None => bounce_mailbox::forget(&mut connection, due.sender_id).await,
                Some(error) => {
                    tracing::warn!(sender.id = %due.sender_id, error, "a sender's mailbox can't be used as stored");
                    let place = of(due);
                    let next_at = now() + wait_after(due.failures);
                    let visited =
                        Visited { validity: place.validity, uid: place.uid, next_at, fault: "the account can't be used as stored" };
                    bounce_mailbox::visited(&mut connection, due.sender_id, visited, now()).await
                }
            }
        };
        if let Err(error) = noted.await {
            // Its claim runs out by itself.
            tracing::warn!(%error, sender.id = %due.sender_id, "what became of a mailbox could not be noted");
        }
        None
    }

    async fn mailbox_of(&self, due: &Due) -> anyhow::Result<Option<Arc<dyn Mailbox>>> {
        let stored = store::sender::find(&mut *self.db.acquire().await?, due.sender_id).await?;
        let Some(stored) = stored else { return Ok(None) };
        let Some(make) = providers::find(&stored.provider).and_then(|provider| provider.mailbox) else { return Ok(None) };
        let secrets = self.kek.open(&stored.sealed_secrets, due.sender_id.0.as_bytes())?;
        let secrets: BTreeMap<String, Secret> = serde_json::from_slice(&secrets)?;
        Ok(make(&Account { settings: stored.settings, secrets })?)
    }

    /// Where the mailbox has been read to, and whether there is more.
    async fn visit(&self, mailbox: &dyn Mailbox, due: &Due) -> anyhow::Result<(Place, bool)> {
        let Read { place, letters, more } =
            mailbox.read(of(due), LETTERS).await.map_err(|fault| anyhow::anyhow!("{}: {}", fault.code, fault.detail))?;
        let mut taken = Vec::with_capacity(letters.len());
        for letter in &letters {
            let about = self.taker.about(&letter.bytes);
            if !about.is_empty() {
                self.taker.take(&about, &letter.bytes).await?;
                taken.push(letter.uid);
            }
        }
        if !taken.is_empty()
            && let Err(fault) = mailbox.seen(place, &taken).await
        {
            tracing::debug!(code = fault.code, "letters could not be marked as seen");
        }
        Ok((place, more))
    }
}

const fn of(due: &Due) -> Place {
    Place { validity: due.validity, uid: due.uid }
}

/// Twice as long after each failure in a row.
fn wait_after(failures: u32) -> Duration {
    VISIT_EVERY.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!([0, 1, 3, 6, u32::MAX].map(|failures| wait_after(failures).as_secs()), [60, 120, 480, 3_600, 3_600]);
    }
}
