//! Group commit: what concurrent requests bring is written to the outbox together, and each is answered after the database's commit.
//!
//! A commit costs a sync to disk, so one for each request would be slow; 500 items in one row cost little more than one. What was taken
//! in is tried for a minute, even when its request has been answered with 503 in the meantime: the provider's retry then changes
//! nothing, and an open or a click, which nobody retries, isn't lost. From the commit on it is the relay's to publish ([`outbox`]).

use crate::{ORIGIN, backlog::Backlog};
use futures::future::try_join_all;
use outbox::{FACTS, INBOUND, Outbox};
use prost::Message;
use proto::event::{Fact, FactBatch, Inbound, InboundBatch};
use std::{sync::Arc, time::Duration};
use store::{Db, outbox::New};
use time::OffsetDateTime;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Items in one row at most.
const BATCH_ITEMS: usize = outbox::FACTS_PER_MESSAGE;
/// Bytes in one row at most, where it isn't one item alone: half of what a broker takes in one message unless it is told otherwise (1 MiB).
const BATCH_BYTES: usize = 512 << 10;
/// What is put before an item in its batch: a tag, and a length of up to 3 MB.
const BEFORE_ITEM: usize = 5;
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

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    items: usize,
    bytes: usize,
}

impl Size {
    const fn and(self, more: Self) -> Self {
        Self { items: self.items + more.items, bytes: self.bytes + more.bytes }
    }

    /// Whether it is no more than one row may have.
    const fn fits(self) -> bool {
        self.items <= BATCH_ITEMS && self.bytes <= BATCH_BYTES
    }

    /// The room that it takes of [`MAX_WAITING_ITEMS`].
    fn room(self) -> usize {
        self.items.max(self.bytes.div_ceil(1024))
    }
}

/// Part of what one request brought: what [`Size::fits`], encoded as batches, which become one batch by being put end to end.
struct Part {
    count: usize,
    facts: Vec<u8>,
    inbound: Vec<u8>,
}

impl Part {
    fn of_facts(facts: Vec<Fact>) -> Self {
        Self { count: facts.len(), facts: FactBatch { facts }.encode_to_vec(), inbound: Vec::new() }
    }

    fn of_inbound(inbound: Vec<Inbound>) -> Self {
        Self { count: inbound.len(), facts: Vec::new(), inbound: InboundBatch { inbound }.encode_to_vec() }
    }

    fn size(&self) -> Size {
        Size { items: self.count, bytes: self.facts.len() + self.inbound.len() }
    }

    fn append(&mut self, other: &Self) {
        self.count += other.count;
        self.facts.extend_from_slice(&other.facts);
        self.inbound.extend_from_slice(&other.inbound);
    }
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
        if self.backlog.is_full() {
            return Err(NotDurable::Behind);
        }
        self.commit_always(facts, inbound).await
    }

    /// The same however much is waiting to be published and folded: for what nobody may be refused.
    ///
    /// # Errors
    /// When the database doesn't have them in 5 s, or too much is waiting for it already.
    pub async fn commit_always(&self, facts: Vec<Fact>, inbound: Vec<Inbound>) -> Result<(), NotDurable> {
        let stored = parts(facts, inbound).into_iter().map(|part| self.hand_over(part)).collect::<Result<Vec<_>, _>>()?;
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

fn parts(facts: Vec<Fact>, inbound: Vec<Inbound>) -> Vec<Part> {
    let mut parts: Vec<_> = chunks(facts).into_iter().map(Part::of_facts).collect();
    for part in chunks(inbound).into_iter().map(Part::of_inbound) {
        match parts.last_mut().filter(|last| last.size().and(part.size()).fits()) {
            Some(last) => last.append(&part),
            None => parts.push(part),
        }
    }
    parts
}

/// As many in each as fit in one row. One that is too large for any is alone.
fn chunks<M: Message>(items: Vec<M>) -> Vec<Vec<M>> {
    let (mut chunks, mut size) = (Vec::<Vec<M>>::new(), Size::default());
    for item in items {
        let one = Size { items: 1, bytes: BEFORE_ITEM + item.encoded_len() };
        match chunks.last_mut().filter(|_| size.and(one).fits()) {
            Some(chunk) => {
                chunk.push(item);
                size = size.and(one);
            }
            None => {
                chunks.push(vec![item]);
                size = one;
            }
        }
    }
    chunks
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
        let (mut whole, mut waiting) = (Part { count: 0, facts: Vec::new(), inbound: Vec::new() }, Vec::with_capacity(batch.len()));
        for Waiting { part, stored, room } in batch {
            whole.append(&part);
            waiting.push((stored, room));
        }
        let count = whole.count;
        let rows = [(FACTS, whole.facts), (INBOUND, whole.inbound)].map(|(subject, payload)| New { subject, payload });
        let rows: Vec<_> = rows.into_iter().filter(|row| !row.payload.is_empty()).collect();
        let started = Instant::now();
        while let Err(error) = self.insert(&rows).await {
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

    /// One statement, committed by itself. One whose answer was lost is made again: facts and messages count once by their keys.
    async fn insert(&self, rows: &[New]) -> store::Result<()> {
        let mut connection = self.db.acquire().await?;
        store::outbox::add_all(&mut connection, ORIGIN, rows, OffsetDateTime::now_utc()).await
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
mod tests {
    use super::*;

    #[test]
    fn what_is_put_end_to_end_is_one_batch() {
        let fact = |n| Fact { delivery_id: n, ..Fact::default() };
        let mut part = Part::of_facts(vec![fact(1), fact(2)]);
        part.append(&Part::of_facts(vec![fact(3)]));
        let batch = FactBatch::decode(part.facts.as_slice()).unwrap();
        assert_eq!(batch.facts.iter().map(|fact| fact.delivery_id).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_large_post_is_several_rows_and_no_item_is_left_out() {
        let parts = parts(vec![Fact::default(); 1_200], vec![Inbound::default(); 400]);
        assert_eq!(parts.iter().map(|part| part.count).collect::<Vec<_>>(), [500, 500, 200, 400]);
        let together = super::parts(vec![Fact::default()], vec![Inbound::default()]);
        assert_eq!(together.iter().map(|part| part.count).collect::<Vec<_>>(), [2]);
        assert!(super::parts(Vec::new(), Vec::new()).is_empty());
    }

    fn text(bytes: usize) -> Inbound {
        Inbound { text: "x".repeat(bytes), ..Inbound::default() }
    }

    #[test]
    fn no_row_has_too_many_bytes_but_for_one_item_that_has_them_alone() {
        let sizes = [200, 200, 200, 600, 1, 1].map(|kib| kib << 10);
        let parts = parts(Vec::new(), sizes.map(text).into());
        assert_eq!(parts.iter().map(|part| part.count).collect::<Vec<_>>(), [2, 1, 1, 2]);
        assert!(parts.iter().all(|part| part.count == 1 || part.size().fits()));
        assert_eq!(parts[2].size().room(), 601, "it takes more room than one item");
    }

    #[tokio::test]
    async fn what_is_gathered_has_not_too_many_bytes_either() {
        let (sender, mut waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(5));
        for _ in 0..5 {
            let (part, room) = (Part::of_inbound(vec![text(200 << 10)]), room.clone().try_acquire_owned().unwrap());
            assert!(sender.send(Waiting { part, stored: oneshot::channel().0, room }).is_ok());
        }
        let first = waiting.recv().await.unwrap();
        let (batch, held_over) = gather(first, &mut waiting).await;
        assert_eq!(batch.len(), 2);
        let (batch, held_over) = gather(held_over.unwrap(), &mut waiting).await;
        assert_eq!(batch.len(), 2);
        assert!(gather(held_over.unwrap(), &mut waiting).await.1.is_none());
    }
}
