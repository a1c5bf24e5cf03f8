//! One job: its deliveries pass the gate a sub-batch at a time, are sent, and their outcomes recorded, until none of them waits.
//!
//! A sub-batch goes out while the next one asks the gate ([`batches`]), so that a slow provider doesn't slow down a sender's pace; each
//! of its messages waits for its turn at the provider, and is looked at once more when that took long ([`send`], [`turns`]).

mod batches;
mod send;
mod turns;

use crate::{Dispatcher, ORIGIN, outcome::Done, plans::Plan, senders::Ready, told};
use batches::Batches;
use bus::Verdict;
use domain::{DeliveryId, JobId, RunId, SenderId};
use futures::{StreamExt, stream};
use proto::event::{Fact, SendJob};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    alert::{self, Raise},
    gate::{self, Answer, Ask, Standing},
};
use time::OffsetDateTime;
use tracing::Instrument;

/// How long a failed job waits before it is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// A job with its ids read.
pub(crate) struct Job {
    job_id: JobId,
    run_id: RunId,
    sender_id: SenderId,
    delivery_ids: Vec<i64>,
}

/// How the work on a job ended.
enum End {
    /// Nothing of it waits any more, or it has gone back to the scheduler.
    Over,
    /// This process stops: the broker gives it to another one at once, so that its sender's pace isn't lost meanwhile.
    Stopped,
}

/// What the sub-batches of one job share that go out by one sender.
pub(crate) struct Work {
    pub(crate) plan: Arc<Plan>,
    pub(crate) ready: Ready,
    pub(crate) sender_id: SenderId,
    /// Of one message by this sender.
    pub(crate) price_micros: i64,
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
                Ok(End::Over) => Verdict::Done,
                Ok(End::Stopped) => Verdict::RetryAfter(Duration::ZERO),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "a job failed; it is tried again");
                    Verdict::RetryAfter(AFTER_FAILURE)
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn work_through(&self, job: &Job) -> anyhow::Result<End> {
        let Some(plan) = self.plans.get(job.run_id).await? else { return Ok(End::Over) };
        // One call may carry more than a sub-batch has.
        let of_call = self.senders.get(job.sender_id).await?.send.batch();
        let mut batches = Batches::new(self, job, plan, of_call);
        let failed = batches.failed();
        // Each sub-batch is seen to its end, also when another one failed: what it sent must be recorded.
        let sent = stream::unfold(&mut batches, |batches| async move { Some((batches.next().await?, batches)) });
        sent.for_each_concurrent(None, |batch| async { failed.keep(self.send_and_record(batch).await) }).await;
        failed.take()?;
        if batches.is_stopped() {
            return Ok(End::Stopped);
        }
        let ids: Vec<_> = job.delivery_ids.iter().copied().map(DeliveryId).collect();
        let mut connection = self.db.acquire().await?;
        store::job::finish(&mut connection, job.job_id, &ids).await?;
        Ok(End::Over)
    }

    /// What goes out by one of the run's senders.
    async fn work_by(&self, plan: &Arc<Plan>, sender_id: SenderId) -> anyhow::Result<Arc<Work>> {
        let ready = self.senders.get(sender_id).await?;
        let price_micros = plan.price_micros(sender_id);
        Ok(Arc::new(Work { plan: plan.clone(), ready, sender_id, price_micros, traceparent: runtime::traceparent::current() }))
    }

    /// Answers also since when what was let through is held.
    async fn pass_gate(&self, job: &Job, work: &Work, limit: u32) -> anyhow::Result<(Answer, Instant)> {
        let mut tx = self.gates.begin().await?;
        // Only now: the wait for a connection says nothing about the answer.
        let (now, claimed_at) = (OffsetDateTime::now_utc(), Instant::now());
        let ask = Ask {
            run_id: job.run_id,
            channel: self.channel,
            sender_id: work.sender_id,
            worker_id: self.worker.id,
            delivery_ids: &job.delivery_ids,
            limit,
        };
        let answer = gate::pass(&mut tx, ask, now).await?;
        // What an earlier try has sent was told when that was reported.
        let news = answer.stopped.iter().filter(|stopped| stopped.state != domain::delivery::State::Accepted);
        let facts = news.map(|stopped| told::stopped(stopped, work.sender_id, now)).collect::<Vec<Fact>>();
        let any = !facts.is_empty();
        outbox::add(&mut tx, ORIGIN, facts, &runtime::traceparent::current(), now).await?;
        if let Standing::OverBudget { of_channel, wait: None } = answer.standing {
            let channel = of_channel.then_some(self.channel);
            self.raise(&mut tx, &Raise { channel, ..over_budget(&work.plan) }, now).await?;
        }
        if let Err(error) = tx.commit().await {
            // The database may have committed and died before it said so. Nothing of these has left: give them back, if they are held.
            self.record(work, answer.claimed.iter().map(|claimed| Done::not_sent(claimed, "gate_unknown")).collect()).await?;
            return Err(store::Error::from(error).into());
        }
        if any {
            self.outbox.wake();
        }
        Ok((answer, claimed_at))
    }
}

fn over_budget(plan: &Plan) -> Raise<'static> {
    Raise {
        workspace_id: plan.workspace,
        campaign_id: Some(plan.campaign_id),
        sender_id: None,
        channel: None,
        kind: alert::kind::BUDGET_EXHAUSTED,
        code: "",
        detail: "The next message would pass the budget. Raise it and resume the campaign, or cancel it.",
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
