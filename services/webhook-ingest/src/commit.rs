//! Group commit: what concurrent requests bring is written to the outbox together, and each is answered after the database's commit.
//!
//! A commit costs a sync to disk, so one for each request would be slow; 500 items in one row cost little more than one. What was taken
//! in is tried for a minute, even when its request has been answered with 503 in the meantime: the provider's retry then changes
//! nothing, and an open or a click, which nobody retries, isn't lost. From the commit on it is the relay's to publish ([`outbox`]).

mod part;

use crate::{ORIGIN, backlog::Backlog};
use futures::future::try_join_all;
use outbox::{FACTS, INBOUND, Outbox};
use part::{BATCH_BYTES, BATCH_ITEMS, Part, parts, with_unread};
use proto::event::{Fact, Inbound};
use std::{sync::Arc, time::Duration};
use store::{
    Db,
    outbox::New,
    unread_post::{self, New as Unread},
};
use time::OffsetDateTime;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the first item waits for company.
const GATHER: Duration = Duration::from_millis(5);
/// Statements on their way to the database at once; fewer than its connections.
const IN_FLIGHT: usize = 8;
/// Items taken in and not yet written, at most; a part counts by its KiB where those are more. So it is 50 MB at most.
const MAX_WAITING_ITEMS: usize = 50_000;
/// How long a request waits for the database.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a statement is tried before it is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The items may not be stored: the request is to be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDurable {
    #[error("too much is waiting to be published and folded")]
    Behind,
    #[error("too much is waiting for the database")]
    Full,
    #[error("the database didn't answer in time")]
    Late,
}

/// A part that waits, and who waits for it.
struct Waiting {
    part: Part,
    stored: oneshot::Sender<()>,
    room: OwnedSemaphorePermit,
}

/// Takes items in. Cheap to clone; when the last clone is gone, what is waiting is written and its task ends.
#[derive(Clone)]
pub(crate) struct Committer {
    parts: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    backlog: Backlog,
}

impl Committer {
    /// Starts the task that writes.
    pub fn start(db: &Db, outbox: &Outbox, backlog: &Backlog, tasks: &TaskTracker, hard_stop: CancellationToken) -> Self {
        // `room` bounds it.
        let (sender, receiver) = mpsc::unbounded_channel();
        let writer =
            Writer { db: db.clone(), outbox: outbox.clone(), backlog: backlog.clone(), in_flight: Arc::new(Semaphore::new(IN_FLIGHT)) };
        tasks.spawn(writer.run(receiver, tasks.clone(), hard_stop));
        Self { parts: sender, room: Arc::new(Semaphore::new(MAX_WAITING_ITEMS)), backlog: backlog.clone() }
    }

    /// Says before the work of reading a request whether there is any use in it.
    ///
    /// # Errors
    /// When too much is waiting already.
    pub fn admit(&self) -> Result<(), NotDurable> {
        if self.backlog.is_full() {
            return Err(NotDurable::Behind);
        }
        if self.room.available_permits() < BATCH_ITEMS {
            return Err(NotDurable::Full);
        }
        Ok(())
    }

    /// Returns once the database has all items.
    ///
    /// # Errors
    /// When it doesn't have them in 5 s, or too much is waiting already.
    pub async fn commit(&self, facts: Vec<Fact>, inbound: Vec<Inbound>) -> Result<(), NotDurable> {
        self.commit_post(facts, inbound, None).await
    }

    /// The same for a post of which a part was not understood, if so: it is kept with what was.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn commit_post(&self, facts: Vec<Fact>, inbound: Vec<Inbound>, unread: Option<Unread>) -> Result<(), NotDurable> {
        if self.backlog.is_full() {
            return Err(NotDurable::Behind);
        }
        self.store(with_unread(parts(facts, inbound), unread)).await
    }

    /// The same however much is waiting to be published and folded: for what nobody may be refused.
    ///
    /// # Errors
    /// When the database doesn't have them in 5 s, or too much is waiting for it already.
    pub async fn commit_always(&self, facts: Vec<Fact>, inbound: Vec<Inbound>) -> Result<(), NotDurable> {
        self.store(parts(facts, inbound)).await
    }

    async fn store(&self, parts: Vec<Part>) -> Result<(), NotDurable> {
        let stored = parts.into_iter().map(|part| self.hand_over(part)).collect::<Result<Vec<_>, _>>()?;
        timeout(ANSWER_WITHIN, try_join_all(stored)).await.map_err(|_| NotDurable::Late)?.map_err(|_| NotDurable::Late)?;
        Ok(())
    }

    fn hand_over(&self, part: Part) -> Result<oneshot::Receiver<()>, NotDurable> {
        let size = u32::try_from(part.size().room()).map_err(|_| NotDurable::Full)?;
        let room = self.room.clone().try_acquire_many_owned(size).map_err(|_| NotDurable::Full)?;
        let (stored, answer) = oneshot::channel();
        self.parts.send(Waiting { part, stored, room }).map_err(|_| NotDurable::Full)?;
        Ok(answer)
    }
}

#[derive(Clone)]
struct Writer {
    db: Db,
    outbox: Outbox,
    backlog: Backlog,
    in_flight: Arc<Semaphore>,
}

impl Writer {
    async fn run(self, mut parts: mpsc::UnboundedReceiver<Waiting>, tasks: TaskTracker, hard_stop: CancellationToken) {
        let mut held_over = None;
        loop {
            let first = match held_over.take() {
                Some(part) => part,
                None => match parts.recv().await {
                    Some(part) => part,
                    None => return,
                },
            };
            // Who waits for a slot gathers meanwhile: under load rows fill by themselves.
            let Ok(slot) = self.in_flight.clone().acquire_owned().await else { return };
            let (batch, rest) = gather(first, &mut parts).await;
            held_over = rest;
            let (me, hard_stop) = (self.clone(), hard_stop.clone());
            tasks.spawn(async move {
                if hard_stop.run_until_cancelled(me.write(batch)).await.is_none() {
                    tracing::error!("shut down before the database had everything; its requests were not acknowledged");
                }
                drop(slot);
            });
        }
    }

    async fn write(&self, batch: Vec<Waiting>) {
        let (mut whole, mut waiting) = (Part::default(), Vec::with_capacity(batch.len()));
        for Waiting { part, stored, room } in batch {
            whole.append(&part);
            waiting.push((stored, room));
        }
        let count = whole.count;
        let rows = [(FACTS, whole.facts), (INBOUND, whole.inbound)].map(|(subject, payload)| New { subject, payload });
        let rows: Vec<_> = rows.into_iter().filter(|row| !row.payload.is_empty()).collect();
        let started = Instant::now();
        while let Err(error) = self.insert(&rows, &whole.unread).await {
            if started.elapsed() > GIVE_UP_AFTER {
                tracing::error!(%error, count, "items are given up; the requests that brought them were answered with 503");
                return;
            }
            tracing::warn!(%error, count, "the database did not take items; trying again");
            sleep(RETRY_AFTER).await;
        }
        self.backlog.add(rows.len());
        self.outbox.wake();
        for (stored, _room) in waiting {
            // Nobody listens when the request has been given up.
            stored.send(()).ok();
        }
    }

    /// One statement, committed by itself; with posts that are kept, one transaction. One whose answer was lost is made again: facts and
    /// messages count once by their keys, and a post is kept once by its own.
    async fn insert(&self, rows: &[New], unread: &[Unread]) -> store::Result<()> {
        let now = OffsetDateTime::now_utc();
        if unread.is_empty() {
            let mut connection = self.db.acquire().await?;
            return store::outbox::add_all(&mut connection, ORIGIN, rows, now).await;
        }
        let mut tx = self.db.begin().await?;
        store::outbox::add_all(&mut tx, ORIGIN, rows, now).await?;
        unread_post::add(&mut tx, unread, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Waits a moment for more. What doesn't fit any more is for the next row.
async fn gather(first: Waiting, parts: &mut mpsc::UnboundedReceiver<Waiting>) -> (Vec<Waiting>, Option<Waiting>) {
    let deadline = Instant::now() + GATHER;
    let mut size = first.part.size();
    let mut batch = vec![first];
    while size.items < BATCH_ITEMS && size.bytes < BATCH_BYTES {
        let Ok(Some(next)) = timeout_at(deadline, parts.recv()).await else { break };
        let together = size.and(next.part.size());
        if !together.fits() {
            return (batch, Some(next));
        }
        size = together;
        batch.push(next);
    }
    (batch, None)
}

#[cfg(test)]
mod tests;
