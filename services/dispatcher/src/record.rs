//! Outcomes into the ledger, with their facts, in one transaction.

use crate::{Dispatcher, ORIGIN, job::Work, outcome::Done};
use std::time::Duration;
use time::OffsetDateTime;

/// How long one try to record may take before it is given up and made anew: a database that hangs must not hold a worker for good.
const LONGEST_TRY: Duration = Duration::from_secs(15);

impl Dispatcher {
    /// Records outcomes, trying until the database takes them: they are all that says what has left. Given up only when the process
    /// must end; what it held is then uncertain.
    pub(crate) async fn record(&self, work: &Work, done: Vec<Done>) -> anyhow::Result<()> {
        let hard = self.shutdown.hard();
        let mut wait = Duration::from_millis(100);
        loop {
            let recorded = tokio::time::timeout(LONGEST_TRY, self.try_record(work, &done));
            let recorded = hard.run_until_cancelled(recorded).await;
            let error = match recorded {
                Some(Ok(Ok(()))) => return Ok(()),
                Some(Ok(Err(error))) => error,
                Some(Err(_)) => anyhow::anyhow!("the database doesn't answer"),
                None => anyhow::bail!("the process must end"),
            };
            tracing::error!(error = format!("{error:#}"), outcomes = done.len(), "outcomes could not be recorded; trying again");
            hard.run_until_cancelled(tokio::time::sleep(wait)).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    async fn try_record(&self, work: &Work, done: &[Done]) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let tried: Vec<_> = done.iter().map(|done| done.tried(self.settle_after, now)).collect();
        let mut tx = self.db.begin().await?;
        let recorded = store::record::record(&mut tx, self.worker.id, &tried, now).await?;
        let kept = || done.iter().filter(|done| recorded.contains(&done.delivery_id().0));
        let facts = kept().filter_map(|done| done.fact(work, now)).collect();
        outbox::add(&mut tx, ORIGIN, facts, &work.traceparent, now).await?;
        let inbound = kept().filter_map(|done| done.opt_out(work, self.channel, now)).collect();
        outbox::add_inbound(&mut tx, ORIGIN, inbound, &work.traceparent, now).await?;
        self.judge_sender(&mut tx, work.sender_id, done, now).await?;
        tx.commit().await.map_err(store::Error::from)?;
        self.outbox.wake();
        self.meters.recorded(self.channel, work.ready.provider.slug, &tried);
        Ok(())
    }
}
