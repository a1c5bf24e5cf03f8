//! Group commit: what concurrent requests bring is published together, and each is answered after the broker's ack.
//!
//! The broker syncs every message to disk, so a message for each request would be slow (see the design's measurements); 500 items in
//! one message cost the same as one. What was taken in is published until the broker has it, even when its request has been answered
//! with 503 in the meantime: the provider's retry then changes nothing, and an open or a click, which nobody retries, isn't lost.

use bus::{Bus, Subject};
use futures::future::try_join_all;
use proto::event::{Fact, FactBatch, Inbound, InboundBatch};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Items in one message at most.
const BATCH_ITEMS: usize = 500;
/// How long the first item waits for company.
const GATHER: Duration = Duration::from_millis(5);
/// Messages on their way to the broker at once.
const IN_FLIGHT: usize = 16;
/// Items taken in and not yet published, at most.
const MAX_WAITING_ITEMS: usize = 50_000;
/// How long a request waits for the broker.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a message is tried before it is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The items may not be stored: the request is to be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDurable {
    #[error("too much is waiting for the broker")]
    Full,
    #[error("the broker didn't answer in time")]
    Late,
}

/// What can be committed: it travels in batches on one subject.
pub(crate) trait Item: Send + 'static {
    type Batch: prost::Message;
    fn batch(items: Vec<Self>) -> Self::Batch
    where
        Self: Sized;
    fn subject() -> Subject;
}

impl Item for Fact {
    type Batch = FactBatch;
    fn batch(facts: Vec<Self>) -> FactBatch {
        FactBatch { facts }
    }
    fn subject() -> Subject {
        Subject::facts()
    }
}

impl Item for Inbound {
    type Batch = InboundBatch;
    fn batch(inbound: Vec<Self>) -> InboundBatch {
        InboundBatch { inbound }
    }
    fn subject() -> Subject {
        Subject::inbound()
    }
}

/// Part of what one request brought: at most [`BATCH_ITEMS`].
struct Part<T> {
    items: Vec<T>,
    stored: oneshot::Sender<()>,
    _room: OwnedSemaphorePermit,
}

/// Takes items in. Cheap to clone; when the last clone is gone, what is waiting is published and its task ends.
pub(crate) struct Committer<T> {
    parts: mpsc::UnboundedSender<Part<T>>,
    room: Arc<Semaphore>,
}

impl<T> Clone for Committer<T> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), room: self.room.clone() }
    }
}

impl<T: Item> Committer<T> {
    /// Starts the task that publishes.
    pub fn start(bus: &Bus, tasks: &TaskTracker, hard_stop: CancellationToken) -> Self {
        // `room` bounds it.
        let (sender, receiver) = mpsc::unbounded_channel();
        let publisher = Publisher { bus: bus.clone(), tasks: tasks.clone(), hard_stop };
        tasks.spawn(publisher.run(receiver));
        Self { parts: sender, room: Arc::new(Semaphore::new(MAX_WAITING_ITEMS)) }
    }

    /// Returns once the broker has all items.
    ///
    /// # Errors
    /// When it doesn't have them in 5 s, or too much is waiting already.
    pub async fn commit(&self, items: Vec<T>) -> Result<(), NotDurable> {
        let mut stored = Vec::new();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let items: Vec<T> = items.by_ref().take(BATCH_ITEMS).collect();
            stored.push(self.hand_over(items)?);
        }
        let all = try_join_all(stored);
        timeout(ANSWER_WITHIN, all).await.map_err(|_| NotDurable::Late)?.map_err(|_| NotDurable::Late)?;
        Ok(())
    }

    fn hand_over(&self, items: Vec<T>) -> Result<oneshot::Receiver<()>, NotDurable> {
        let size = u32::try_from(items.len()).map_err(|_| NotDurable::Full)?;
        let room = self.room.clone().try_acquire_many_owned(size).map_err(|_| NotDurable::Full)?;
        let (stored, answer) = oneshot::channel();
        self.parts.send(Part { items, stored, _room: room }).map_err(|_| NotDurable::Full)?;
        Ok(answer)
    }
}

struct Publisher {
    bus: Bus,
    tasks: TaskTracker,
    hard_stop: CancellationToken,
}

impl Publisher {
    async fn run<T: Item>(self, mut parts: mpsc::UnboundedReceiver<Part<T>>) {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut held_over = None;
        loop {
            let first = match held_over.take() {
                Some(part) => part,
                None => match parts.recv().await {
                    Some(part) => part,
                    None => return,
                },
            };
            let (batch, rest) = gather(first, &mut parts).await;
            held_over = rest;
            let Ok(slot) = in_flight.clone().acquire_owned().await else { return };
            let (bus, hard_stop) = (self.bus.clone(), self.hard_stop.clone());
            self.tasks.spawn(async move {
                if hard_stop.run_until_cancelled(publish(&bus, batch)).await.is_none() {
                    tracing::error!("shut down before the broker had everything");
                }
                drop(slot);
            });
        }
    }
}

/// Waits a moment for more. What doesn't fit any more is for the next message.
async fn gather<T>(first: Part<T>, parts: &mut mpsc::UnboundedReceiver<Part<T>>) -> (Vec<Part<T>>, Option<Part<T>>) {
    let deadline = Instant::now() + GATHER;
    let mut size = first.items.len();
    let mut batch = vec![first];
    while size < BATCH_ITEMS {
        let Ok(Some(part)) = timeout_at(deadline, parts.recv()).await else { break };
        if size + part.items.len() > BATCH_ITEMS {
            return (batch, Some(part));
        }
        size += part.items.len();
        batch.push(part);
    }
    (batch, None)
}

async fn publish<T: Item>(bus: &Bus, batch: Vec<Part<T>>) {
    let (mut items, mut waiting) = (Vec::new(), Vec::new());
    for part in batch {
        items.extend(part.items);
        waiting.push((part.stored, part._room));
    }
    let count = items.len();
    let message = T::batch(items);
    // The same id each time: a message whose ack was lost is not stored twice.
    let id = Uuid::now_v7().to_string();
    let started = Instant::now();
    while let Err(error) = bus.publish(&T::subject(), &message, &id, "").await {
        if started.elapsed() > GIVE_UP_AFTER {
            tracing::error!(%error, count, "a message is given up; the requests that brought it were answered with 503");
            return;
        }
        tracing::warn!(%error, count, "the broker did not take a message; trying again");
        sleep(RETRY_AFTER).await;
    }
    for (stored, _room) in waiting {
        // Nobody listens when the request has been given up.
        stored.send(()).ok();
    }
}
