//! Audiences become deliveries, a chunk of each open run in turn, so that a large one doesn't hold up the others.

use crate::{ORIGIN, Scheduler, now};
use domain::facts;
use proto::event::{Count, Fact, FactKind};
use std::collections::BTreeMap;
use store::{
    expand::{self, Chunk, Expanding, Written},
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
        outbox::add(&mut tx, ORIGIN, expanded(&run, &chunk, now), &runtime::traceparent::current(), now).await?;
        tx.commit().await?;
        self.outbox.wake();
        self.to_publish.notify_waiters();
        if chunk.done {
            tracing::info!("the audience is expanded");
        }
        Ok(!chunk.done)
    }
}

/// One fact a channel: how many were written, and how many of those suppressed at once.
fn expanded(run: &Expanding, chunk: &Chunk, now: OffsetDateTime) -> Vec<Fact> {
    let mut by_channel: BTreeMap<_, Vec<&Written>> = BTreeMap::new();
    for written in &chunk.written {
        by_channel.entry((written.channel, written.sender_id)).or_default().push(written);
    }
    by_channel
        .into_iter()
        .map(|((channel, sender), written)| Fact {
            key: facts::key(&format!("expanded:{}:{channel}:{}", run.run_id, run.cursor)).to_vec(),
            kind: FactKind::Expanded.into(),
            occurred_at_ms: outbox::millis(now),
            sender_id: sender.to_string(),
            count: Some(Count {
                workspace_id: run.workspace_id.to_string(),
                campaign_id: run.campaign_id.to_string(),
                run_id: run.run_id.to_string(),
                channel: channel.to_string(),
                sender_id: sender.to_string(),
                target: written.iter().map(|w| w.count.unsigned_abs()).sum(),
                suppressed: written.iter().filter_map(|w| Some((w.reason.clone()?, w.count.unsigned_abs()))).collect(),
                ..Count::default()
            }),
            traceparent: runtime::traceparent::current(),
            ..Fact::default()
        })
        .collect()
}
