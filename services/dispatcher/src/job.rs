//! One job: its deliveries pass the gate a sub-batch at a time, are sent, and their outcomes recorded, until none of them waits.

use crate::{Dispatcher, ORIGIN, outcome::Done, plans::Plan, senders::Ready, worker::LEASE};
use bus::Verdict;
use domain::{DeliveryId, JobId, RunId, SenderId};
use futures::{StreamExt, stream};
use proto::event::{Fact, SendJob};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::gate::{self, Answer, Ask, Claimed, Standing};
use time::OffsetDateTime;
use tracing::Instrument;

/// How long a failed job waits before it is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The longest wait for a sender's pace before looking whether the run still goes on.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often the ledger hears that a job is being worked on.
const TOUCH_EVERY: Duration = Duration::from_secs(10);

/// A job with its ids read.
struct Job {
    job_id: JobId,
    run_id: RunId,
    sender_id: SenderId,
    delivery_ids: Vec<i64>,
}

/// What the sub-batches of one job share.
pub(crate) struct Work {
    pub(crate) plan: Arc<Plan>,
    pub(crate) ready: Ready,
    pub(crate) sender_id: SenderId,
    pub(crate) traceparent: String,
}

impl Dispatcher {
    /// Works one job off; the answer is for the broker.
    pub(crate) async fn handle(self, message: SendJob, traceparent: String) -> Verdict {
        let span =
            tracing::info_span!("dispatcher.job.run", campaign.id = message.campaign_id, run.id = message.run_id, channel = %self.channel);
        runtime::traceparent::parent(&span, &traceparent);
        async {
            let job = match read(&message) {
                Ok(job) => job,
                Err(error) => return Verdict::Reject(error.to_string()),
            };
            match self.work_through(&job).await {
                Ok(()) => Verdict::Done,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "a job failed; it is tried again");
                    Verdict::RetryAfter(AFTER_FAILURE)
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn work_through(&self, job: &Job) -> anyhow::Result<()> {
        let Some(plan) = self.plans.get(job.run_id).await? else { return Ok(()) };
        let ready = self.senders.get(job.sender_id).await?;
        let work = Work { plan, ready, sender_id: job.sender_id, traceparent: runtime::traceparent::current() };
        let mut touched = Instant::now();
        while !self.shutdown.is_ending() {
            if !self.worker.is_alive() {
                anyhow::bail!("this worker's lease is in doubt");
            }
            let claimed_at = Instant::now();
            let answer = self.pass_gate(job, &work).await?;
            if !answer.claimed.is_empty() {
                self.send_and_record(&work, answer.claimed, claimed_at).await?;
            }
            if answer.standing != Standing::Open || !answer.more {
                break;
            }
            if touched.elapsed() > TOUCH_EVERY {
                touched = Instant::now();
                let mut connection = self.db.acquire().await?;
                store::job::touch(&mut connection, job.job_id).await?;
            }
            if let Some(wait) = answer.wait {
                self.shutdown.soft().run_until_cancelled(tokio::time::sleep(wait.min(LONGEST_WAIT))).await;
            }
        }
        let ids: Vec<_> = job.delivery_ids.iter().copied().map(DeliveryId).collect();
        let mut connection = self.db.acquire().await?;
        store::job::finish(&mut connection, job.job_id, &ids).await?;
        Ok(())
    }

    async fn pass_gate(&self, job: &Job, work: &Work) -> anyhow::Result<Answer> {
        let now = OffsetDateTime::now_utc();
        let ask = Ask {
            run_id: job.run_id,
            channel: self.channel,
            sender_id: job.sender_id,
            worker_id: self.worker.id,
            delivery_ids: &job.delivery_ids,
            limit: self.sub_batch,
        };
        let mut tx = self.db.begin().await?;
        let answer = gate::pass(&mut tx, ask, now).await?;
        let facts = answer.stopped.iter().map(|stopped| crate::outcome::stopped_fact(stopped, job.sender_id, now)).collect::<Vec<Fact>>();
        let any = !facts.is_empty();
        outbox::add(&mut tx, ORIGIN, facts, &runtime::traceparent::current(), now).await?;
        if let Err(error) = tx.commit().await {
            // The database may have committed and died before it said so. Nothing of these has left: give them back, if they are held.
            self.record(work, answer.claimed.iter().map(|claimed| Done::not_sent(claimed, "gate_unknown")).collect()).await?;
            return Err(store::Error::from(error).into());
        }
        if any {
            self.outbox.wake();
        }
        Ok(answer)
    }

    async fn send_and_record(&self, work: &Work, claimed: Vec<Claimed>, claimed_at: Instant) -> anyhow::Result<()> {
        let concurrency = claimed.len();
        let done: Vec<Done> =
            stream::iter(claimed).map(|claimed| self.send_one(work, claimed, claimed_at)).buffer_unordered(concurrency).collect().await;
        self.record(work, done).await
    }

    async fn send_one(&self, work: &Work, claimed: Claimed, claimed_at: Instant) -> Done {
        let span = tracing::info_span!("dispatcher.message.send", delivery.id = %claimed.delivery_id, provider = work.ready.provider.slug);
        async {
            let message = match self.message(work, &claimed) {
                Ok(message) => message,
                Err(error) => return Done::unrenderable(&claimed, &error),
            };
            // A process that was stopped in between may have been declared dead: nothing leaves then.
            if claimed_at.elapsed() > LEASE / 2 {
                return Done::not_sent(&claimed, "lease_lost");
            }
            let started = Instant::now();
            let outcome = work.ready.send.send(&message).await;
            self.meters.called(work.ready.provider.slug, started.elapsed());
            Done::from_outcome(&claimed, outcome, rand::random())
        }
        .instrument(span)
        .await
    }

    /// Records outcomes, trying until the database takes them: they are all that says what has left. Given up only when the process
    /// must end; what it held is then uncertain.
    async fn record(&self, work: &Work, done: Vec<Done>) -> anyhow::Result<()> {
        let hard = self.shutdown.hard();
        let mut wait = Duration::from_millis(100);
        loop {
            match self.try_record(work, &done).await {
                Ok(()) => return Ok(()),
                Err(error) if hard.is_cancelled() => return Err(error),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), outcomes = done.len(), "outcomes could not be recorded; trying again");
                    hard.run_until_cancelled(tokio::time::sleep(wait)).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    async fn try_record(&self, work: &Work, done: &[Done]) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let tried: Vec<_> = done.iter().map(|done| done.tried(now)).collect();
        let mut tx = self.db.begin().await?;
        let recorded = store::record::record(&mut tx, self.worker.id, &tried, now).await?;
        let kept = || done.iter().filter(|done| recorded.contains(&done.delivery_id.0));
        let facts = kept().filter_map(|done| done.fact(work, now)).collect();
        outbox::add(&mut tx, ORIGIN, facts, &work.traceparent, now).await?;
        let inbound = kept().filter_map(|done| done.opt_out(work, self.channel, now)).collect();
        outbox::add_inbound(&mut tx, ORIGIN, inbound, &work.traceparent, now).await?;
        if let Some(hold) = done.iter().filter_map(|done| done.hold).max() {
            gate::hold_sender(&mut tx, work.sender_id, hold).await?;
        }
        tx.commit().await.map_err(store::Error::from)?;
        self.outbox.wake();
        self.meters.recorded(self.channel, work.ready.provider.slug, &tried);
        Ok(())
    }
}

fn read(message: &SendJob) -> Result<Job, impl std::error::Error> {
    let parse = || {
        Ok::<_, <JobId as std::str::FromStr>::Err>(Job {
            job_id: message.job_id.parse()?,
            run_id: message.run_id.parse()?,
            sender_id: message.sender_id.parse()?,
            delivery_ids: message.delivery_ids.clone(),
        })
    };
    parse()
}
