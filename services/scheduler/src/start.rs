//! Campaigns whose time has come: each gets its run, exactly once.

use crate::{Scheduler, now};
use domain::{CampaignId, RunId, schedule};
use store::run::{self, Scheduled};
use time::OffsetDateTime;

/// The only occurrence of a ONE_TIME campaign.
const ONCE: &str = "once";
/// Campaigns started in one go.
const AT_ONCE: i64 = 50;

impl Scheduler {
    /// Starts what is due; answers whether there may be more.
    pub(crate) async fn start_due(&self) -> anyhow::Result<bool> {
        let due = {
            let mut connection = self.db.acquire().await?;
            run::due(&mut connection, AT_ONCE).await?
        };
        let full = due.len() as i64 == AT_ONCE;
        for campaign in due {
            self.start(campaign).await?;
        }
        Ok(full)
    }

    /// Starts one campaign if it is due; answers with its run if it has one.
    pub(crate) async fn start_now(&self, campaign: CampaignId) -> anyhow::Result<Option<RunId>> {
        let scheduled = {
            let mut connection = self.db.acquire().await?;
            run::scheduled(&mut connection, campaign).await?
        };
        if let Some(scheduled) = scheduled.filter(|scheduled| scheduled.due_at <= now()) {
            self.start(scheduled).await?;
        }
        let mut connection = self.db.acquire().await?;
        Ok(run::of_campaign(&mut connection, campaign).await?)
    }

    async fn start(&self, scheduled: Scheduled) -> anyhow::Result<()> {
        let now = now();
        let mut tx = self.db.begin().await?;
        let campaign = scheduled.campaign_id;
        if run::lock_scheduled(&mut tx, campaign).await?.is_none() {
            return Ok(());
        }
        if let Some(later) = moved(&scheduled, now) {
            run::move_due(&mut tx, campaign, later).await?;
            tracing::info!(campaign.id = %campaign, "the rules of its time zone changed: it is due later");
            tx.commit().await?;
            return Ok(());
        }
        let (recipients, limit) = run::recipients_and_limit(&mut tx, campaign).await?;
        if recipients > limit {
            let reason = format!("the audience has {recipients} contacts, and this workspace allows {limit} in a run (max_recipients)");
            run::fail_campaign(&mut tx, campaign, &reason, now).await?;
            tracing::warn!(campaign.id = %campaign, recipients, limit, "the audience is over the workspace's limit");
        } else {
            let run = run::create(&mut tx, campaign, ONCE, RunId::new(), now).await?;
            tracing::info!(campaign.id = %campaign, run.id = %run, recipients, "a run was started");
        }
        tx.commit().await?;
        self.to_expand.notify_one();
        Ok(())
    }
}

/// When the zone's rules changed since it was scheduled, so that the same wall time is later now.
fn moved(scheduled: &Scheduled, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let (local, zone) = (scheduled.local_time.as_deref()?, scheduled.timezone.as_deref()?);
    schedule::instant(local, zone).ok().filter(|due| *due > now)
}
