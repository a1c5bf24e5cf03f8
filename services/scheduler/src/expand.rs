//! Audiences become deliveries, a chunk of each open run in turn, so that a large one doesn't hold up the others.

use crate::{ORIGIN, Scheduler, now};
use domain::{Channel, RunId, SenderId, facts};
use proto::event::{Count, Fact, FactKind};
use std::collections::BTreeMap;
use store::{
    expand::{self, Written},
    run::{self, OpenRun},
};
use time::OffsetDateTime;
use tracing::Instrument;

impl Scheduler {
    /// Expands one chunk of every run that needs it; answers whether there is more to do.
    pub(crate) async fn expand_open(&self) -> anyhow::Result<bool> {
        let runs = {
            let mut connection = self.db.acquire().await?;
            run::open(&mut connection).await?
        };
        let mut more = false;
        for run in runs.iter().filter(|run| run.status == "expanding" && run.campaign_status != "CANCELLED") {
            let span = tracing::info_span!("scheduler.run.expand", campaign.id = %run.campaign_id, run.id = %run.run_id);
            runtime::traceparent::parent(&span, &run.traceparent);
            more |= self.expand_chunk(run).instrument(span).await?;
        }
        Ok(more)
    }

    async fn expand_chunk(&self, open: &OpenRun) -> anyhow::Result<bool> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let Some(run) = expand::lock(&mut tx, open.run_id).await? else { return Ok(false) };
        let chunk = expand::chunk(&mut tx, &run, self.chunk, now).await?;
        let key = |channel, sender| format!("expanded:{}:{channel}:{sender}:{}", run.run_id, run.cursor);
        outbox::add(&mut tx, ORIGIN, told(&chunk.written, false, key, now), &runtime::traceparent::current(), now).await?;
        tx.commit().await?;
        self.outbox.wake();
        self.to_publish.notify_waiters();
        if chunk.done {
            tracing::info!("the audience is expanded");
        }
        Ok(!chunk.done)
    }
}

/// One fact for each run, channel and sender: how many were written, and how many of those suppressed at once.
pub(crate) fn told(written: &[Written], rescued: bool, key: impl Fn(Channel, SenderId) -> String, now: OffsetDateTime) -> Vec<Fact> {
    let mut counts: BTreeMap<_, Count> = BTreeMap::new();
    for part in written {
        let count = counts.entry((part.run_id, part.channel, part.sender_id)).or_insert_with(|| Count {
            workspace_id: part.workspace_id.to_string(),
            campaign_id: part.campaign_id.to_string(),
            run_id: part.run_id.to_string(),
            channel: part.channel.to_string(),
            sender_id: part.sender_id.to_string(),
            ..Count::default()
        });
        let size = part.count.unsigned_abs();
        count.target += size;
        count.rescued += if rescued { size } else { 0 };
        count.suppressed.extend(part.reason.clone().map(|reason| (reason, size)));
    }
    let fact = |((_, channel, sender), count): ((RunId, Channel, SenderId), Count)| Fact {
        key: facts::key(&key(channel, sender)).to_vec(),
        kind: FactKind::Expanded.into(),
        occurred_at_ms: outbox::millis(now),
        sender_id: count.sender_id.clone(),
        count: Some(count),
        traceparent: runtime::traceparent::current(),
        ..Fact::default()
    };
    counts.into_iter().map(fact).collect()
}
