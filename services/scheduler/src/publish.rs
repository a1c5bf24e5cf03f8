//! Jobs go out to the dispatchers, no further ahead than the window, workspaces taking turns.

use crate::{Scheduler, now};
use bus::Subject;
use domain::Channel;
use proto::event::SendJob;
use store::job::{self, Job};

/// Jobs published in one go.
const AT_ONCE: i64 = 64;

impl Scheduler {
    /// Publishes the next jobs of a channel; answers whether there may be more.
    pub(crate) async fn publish_jobs(&self, channel: Channel) -> anyhow::Result<bool> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let jobs = job::take_publishable(&mut tx, channel, self.window, AT_ONCE).await?;
        if jobs.is_empty() {
            return Ok(false);
        }
        let published = futures::future::join_all(jobs.iter().map(|job| self.publish_job(channel, job, now.unix_timestamp_nanos()))).await;
        let mut acked = Vec::new();
        let mut failure = None;
        for (job, result) in jobs.iter().zip(published) {
            match result {
                Ok(()) => acked.push(job.job_id.0),
                Err(error) => failure = Some(error),
            }
        }
        job::mark_published(&mut tx, &acked).await?;
        tx.commit().await?;
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(jobs.len() as i64 == AT_ONCE),
        }
    }

    async fn publish_job(&self, channel: Channel, job: &Job, instant: i128) -> Result<(), bus::Error> {
        let message = SendJob {
            job_id: job.job_id.to_string(),
            run_id: job.run_id.to_string(),
            campaign_id: job.campaign_id.to_string(),
            workspace_id: job.workspace_id.to_string(),
            channel: channel.to_string(),
            sender_id: job.sender_id.to_string(),
            delivery_ids: job.delivery_ids.clone(),
        };
        // A job that was handed back is published again, which the broker must not take for a repetition.
        let id = format!("{}-{instant}", job.job_id);
        let subject = if job.is_fast() { Subject::send_fast(channel) } else { Subject::send(channel) };
        self.bus.publish(&subject, &message, &id, &job.traceparent).await
    }
}
