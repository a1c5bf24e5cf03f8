//! A delay queue worked by a bounded number of workers, in batches where the receiver takes them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::callbacks::courier::Courier;
use crate::callbacks::{Journey, Lane};

/// A journey whose next step is due at a time.
pub struct Due {
    pub at: Instant,
    pub journey: Journey,
}

struct Limits {
    /// Requests in flight.
    workers: usize,
    /// Steps in one request.
    batch: usize,
    /// How long a step waits for others to go with it.
    linger: Duration,
}

fn limits(lane: Lane) -> Limits {
    match lane {
        Lane::Twilio | Lane::Recipient => Limits { workers: 32, batch: 1, linger: Duration::ZERO },
        Lane::SendGrid => Limits { workers: 8, batch: 100, linger: Duration::from_millis(50) },
        Lane::Meta => Limits { workers: 8, batch: 20, linger: Duration::from_millis(20) },
    }
}

/// Works a lane until told to stop.
pub async fn work(lane: Lane, mut arrivals: mpsc::UnboundedReceiver<Due>, courier: Arc<Courier>, shutdown: CancellationToken) {
    let limits = limits(lane);
    let mut queue = Queue::default();
    let mut at_work = JoinSet::new();
    loop {
        let now = Instant::now();
        while at_work.len() < limits.workers
            && let Some(batch) = queue.take(now, &limits)
        {
            at_work.spawn(courier.clone().carry(lane, batch));
        }
        let has_room = at_work.len() < limits.workers;
        let wake = queue.next_wake(&limits);
        tokio::select! {
            () = shutdown.cancelled() => break,
            arrived = arrivals.recv() => match arrived {
                Some(due) => {
                    queue.add(due);
                    while let Ok(due) = arrivals.try_recv() {
                        queue.add(due);
                    }
                }
                None => break,
            },
            Some(ended) = at_work.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a callback's worker failed");
            },
            () = sleep_until(wake.unwrap_or(now)), if has_room && wake.is_some() => {}
        }
    }
    at_work.shutdown().await;
}

#[derive(Default)]
struct Queue {
    waiting: BTreeMap<(Instant, u64), Journey>,
    /// Those whose time has come, oldest first.
    ready: VecDeque<Due>,
    arrived: u64,
}

impl Queue {
    fn add(&mut self, due: Due) {
        self.arrived += 1;
        self.waiting.insert((due.at, self.arrived), due.journey);
    }

    /// The next batch, if one is full or has waited long enough.
    fn take(&mut self, now: Instant, limits: &Limits) -> Option<Vec<Journey>> {
        while self.ready.len() < limits.batch
            && let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            let at = first.key().0;
            self.ready.push_back(Due { at, journey: first.remove() });
        }
        let oldest = self.ready.front()?.at;
        if self.ready.len() < limits.batch && now < oldest + limits.linger {
            return None;
        }
        let size = self.ready.len().min(limits.batch);
        Some(self.ready.drain(..size).map(|due| due.journey).collect())
    }

    fn next_wake(&self, limits: &Limits) -> Option<Instant> {
        let full = self.ready.front().map(|due| due.at + limits.linger);
        let due = self.waiting.first_key_value().map(|((at, _), _)| *at);
        [full, due].into_iter().flatten().min()
    }
}
