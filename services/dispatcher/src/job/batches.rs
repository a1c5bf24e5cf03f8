//! A job's sub-batches, one after the other: how many may be on their way at once, how long to wait, and by which sender.

use super::{Job, Work};
use crate::{Dispatcher, plans::Plan, room::Taken};
use domain::SenderId;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::gate::{Answer, Claimed, Standing};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest wait for a sender's pace before looking whether the run still goes on.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a sender's pace adds up before the gate is asked for another call of many messages. Less than what a pace may lag behind, so that
/// none of it is lost.
const GATHER: Duration = Duration::from_millis(150);
/// How often the ledger hears that a job is being worked on.
const TOUCH_EVERY: Duration = Duration::from_secs(10);

/// Deliveries that the gate let through together.
pub(super) struct Batch {
    pub(super) work: Arc<Work>,
    pub(super) claimed: Vec<Claimed>,
    pub(super) claimed_at: Instant,
    /// Its share of what may be on its way at once for the job, and for all jobs.
    pub(super) room: OwnedSemaphorePermit,
    pub(super) taken: Taken,
}

/// What the gate was asked, and its answer.
struct Asked {
    work: Arc<Work>,
    answer: Answer,
    claimed_at: Instant,
    taken: Taken,
}

/// The first thing that went wrong.
#[derive(Clone, Default)]
pub(super) struct Failed(Arc<Mutex<Option<anyhow::Error>>>);

impl Failed {
    pub(super) fn keep(&self, result: anyhow::Result<()>) {
        if let Err(error) = result {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    pub(super) fn take(&self) -> anyhow::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

pub(super) struct Batches<'a> {
    dispatcher: &'a Dispatcher,
    job: &'a Job,
    plan: Arc<Plan>,
    /// The job's own sender, then the one that stands in for it.
    senders: Vec<SenderId>,
    /// A permit for each delivery that may be on its way.
    room: Arc<Semaphore>,
    /// How long until the gate is asked again; None when it needs no more asking.
    wait: Option<Duration>,
    touched: Instant,
    failed: Failed,
    /// Whether one call carries many messages, so that it pays to wait for more of them.
    gathers: bool,
}

impl<'a> Batches<'a> {
    /// `of_call`: how many messages one call carries. A sub-batch has as many at least, up to the whole job.
    pub(super) fn new(dispatcher: &'a Dispatcher, job: &'a Job, plan: Arc<Plan>, of_call: usize) -> Self {
        let at_least = of_call.min(job.delivery_ids.len());
        Self {
            gathers: of_call > 1,
            senders: plan.senders(job.sender_id),
            room: Arc::new(Semaphore::new(at_least.max(dispatcher.sub_batch as usize))),
            wait: Some(Duration::ZERO),
            touched: Instant::now(),
            failed: Failed::default(),
            dispatcher,
            job,
            plan,
        }
    }

    /// Where failures are kept, of the gate and of what it let through.
    pub(super) fn failed(&self) -> Failed {
        self.failed.clone()
    }

    /// Whether the gate would have been asked again, but for the end of this process.
    pub(super) fn is_stopped(&self) -> bool {
        self.wait.is_some() && self.dispatcher.shutdown.is_ending()
    }

    /// The next sub-batch; None when nothing waits any more, nothing may leave, or something failed.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        match self.try_next().await {
            Ok(batch) => batch,
            Err(error) => {
                self.failed.keep(Err(error));
                None
            }
        }
    }

    async fn try_next(&mut self) -> anyhow::Result<Option<Batch>> {
        while let Some(wait) = self.wait {
            if !wait.is_zero() {
                self.dispatcher.shutdown.soft().run_until_cancelled(tokio::time::sleep(wait.min(LONGEST_WAIT))).await;
            }
            if self.dispatcher.shutdown.is_ending() {
                return Ok(None);
            }
            let mut room = self.room.clone().acquire_many_owned(1).await?;
            if let Ok(more) = self.room.clone().try_acquire_many_owned(u32::try_from(self.room.available_permits())?) {
                room.merge(more);
            }
            if !self.dispatcher.worker.is_alive() {
                anyhow::bail!("this worker's lease is in doubt");
            }
            let Asked { work, answer, claimed_at, mut taken } = self.ask(room.num_permits()).await?;
            self.wait = next_ask(&answer).map(|wait| if self.gathers && !wait.is_zero() { wait.max(GATHER) } else { wait });
            // What was claimed must not be dropped for it.
            if let Err(error) = self.touch().await {
                tracing::warn!(error = format!("{error:#}"), "the ledger could not be told that a job is being worked on");
            }
            if let Some(room) = room.split(answer.claimed.len()).filter(|_| !answer.claimed.is_empty()) {
                taken.shrink(answer.claimed.len());
                return Ok(Some(Batch { work, claimed: answer.claimed, claimed_at, room, taken }));
            }
        }
        Ok(None)
    }

    /// Asks the gate for the job's sender, and when that one can't send, for the one that stands in.
    async fn ask(&self, limit: usize) -> anyhow::Result<Asked> {
        let mut last = None;
        for sender in &self.senders {
            let work = self.dispatcher.work_by(&self.plan, *sender).await?;
            let taken = self.dispatcher.room.take(*sender, work.ready.calls(), limit).await?;
            let (answer, claimed_at) = self.dispatcher.pass_gate(self.job, &work, u32::try_from(taken.len())?).await?;
            let about_sender = answer.standing.is_about_sender();
            let mut asked = Asked { work, answer, claimed_at, taken };
            if !about_sender {
                return Ok(asked);
            }
            // Whoever waits for room must not hold any.
            asked.taken.shrink(0);
            last = Some(asked);
        }
        last.ok_or_else(|| anyhow::anyhow!("the job has no sender"))
    }

    async fn touch(&mut self) -> anyhow::Result<()> {
        if self.touched.elapsed() > TOUCH_EVERY {
            self.touched = Instant::now();
            let mut connection = self.dispatcher.db.acquire().await?;
            store::job::touch(&mut connection, self.job.job_id).await?;
        }
        Ok(())
    }
}

/// How long until the gate is asked again; None when the job is over or must be handed back.
fn next_ask(answer: &Answer) -> Option<Duration> {
    match answer.standing {
        Standing::Open => answer.more.then(|| answer.wait.unwrap_or_default()),
        Standing::OverBudget { wait, .. } => wait,
        _ => None,
    }
}
