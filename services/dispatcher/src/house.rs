//! Keeping house: what dead workers held becomes uncertain, and what the fold has learned since changes the ledger.

use crate::{Dispatcher, ORIGIN, told};
use std::time::Duration;
use store::settle;
use time::OffsetDateTime;

const EVERY: Duration = Duration::from_secs(1);
/// Deliveries in one statement.
pub(crate) const AT_ONCE: i64 = 1_000;

impl Dispatcher {
    pub(crate) async fn keep_house(self) {
        let soft = self.shutdown.soft();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while soft.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.release_dead().await {
                tracing::warn!(error = format!("{error:#}"), "what dead workers held could not be released; trying again");
            }
            if let Err(error) = self.act_on_notices().await {
                tracing::warn!(error = format!("{error:#}"), "what was reported could not be acted on; trying again");
            }
        }
    }

    async fn release_dead(&self) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let mut tx = self.db.begin().await?;
        let lost = settle::release_dead(&mut tx, self.channel, self.worker.lease, self.settle_after, AT_ONCE, now).await?;
        let facts = lost.iter().map(|lost| told::lost(lost, now)).collect();
        outbox::add(&mut tx, ORIGIN, facts, "", now).await?;
        tx.commit().await.map_err(store::Error::from)?;
        if !lost.is_empty() {
            tracing::warn!(deliveries = lost.len(), "a worker died; whether its last messages left can't be known yet");
            self.outbox.wake();
        }
        Ok(())
    }
}
