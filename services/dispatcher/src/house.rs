//! Keeping house: what dead workers held becomes uncertain, and what is uncertain is settled by the provider's own report.

use crate::{Dispatcher, ORIGIN, outcome, worker::LEASE};
use domain::facts::{Bits, PROVES_SENT};
use std::time::Duration;
use store::record;
use time::OffsetDateTime;

const PROVE_REFUSED: Bits = Bits::REJECTED;
const EVERY: Duration = Duration::from_secs(1);
/// Deliveries settled in one statement.
const AT_ONCE: i64 = 1_000;

impl Dispatcher {
    pub(crate) async fn keep_house(self) {
        let soft = self.shutdown.soft();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while soft.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.settle().await {
                tracing::warn!(error = format!("{error:#}"), "what dead workers held could not be settled; trying again");
            }
        }
    }

    async fn settle(&self) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let mut tx = self.db.begin().await?;
        let lost = record::release_dead(&mut tx, self.channel, LEASE, AT_ONCE, now).await?;
        let facts = lost.iter().map(|lost| outcome::lost_fact(lost, now)).collect();
        outbox::add(&mut tx, ORIGIN, facts, "", now).await?;
        let settled = record::settle_uncertain(&mut tx, self.channel, PROVES_SENT, PROVE_REFUSED, AT_ONCE, now).await?;
        tx.commit().await.map_err(store::Error::from)?;
        if !lost.is_empty() {
            tracing::warn!(deliveries = lost.len(), "a worker died; whether its last messages left can't be known");
            self.outbox.wake();
        }
        if settled > 0 {
            tracing::info!(deliveries = settled, "uncertain deliveries were settled by the provider's reports");
        }
        Ok(())
    }
}
