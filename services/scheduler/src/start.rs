//! Campaigns whose time has come: each gets its run, exactly once.

use crate::{Scheduler, now};
use domain::{CampaignId, RunId, schedule};
use store::{
    freeze,
    run::{self, Scheduled},
};
use time::OffsetDateTime;

/// The only occurrence of a ONE_TIME campaign.
const ONCE: &str = "once";
/// Campaigns started in one go.
const AT_ONCE: i64 = 50;

/// What became of an attempt to start a campaign.
enum Start {
    Done,
    /// It was edited while its audience was being frozen: look again.
    Again,
}

impl Scheduler {
    /// Starts what is due; answers whether there may be more. Campaigns with segments have a loop of their own: freezing a million contacts takes
    /// a while, and what has none needn't wait for it.
    pub(crate) async fn start_due(&self, with_segments: bool) -> anyhow::Result<bool> {
        let due = {
            let mut connection = self.db.acquire().await?;
            run::due(&mut connection, with_segments, AT_ONCE).await?
        };
        let mut more = due.len() as i64 == AT_ONCE;
        for campaign in due {
            let id = campaign.campaign_id;
            match self.start(campaign).await {
                Ok(Start::Done) => {}
                Ok(Start::Again) => more = true,
                // One campaign's trouble is not the others'.
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), campaign.id = %id, "a campaign could not be started; trying again")
                }
            }
        }
        Ok(more)
    }

    /// Starts one campaign if it is due; answers with its run if it has one. One with segments is only taken up: it has none yet.
    pub(crate) async fn start_now(&self, campaign: CampaignId) -> anyhow::Result<Option<RunId>> {
        let (scheduled, has_segments) = {
            let mut connection = self.db.acquire().await?;
            (run::scheduled(&mut connection, campaign).await?, freeze::has_segments(&mut connection, campaign).await?)
        };
        match scheduled.filter(|scheduled| scheduled.due_at <= now()) {
            Some(_) if has_segments => self.to_freeze.notify_one(),
            Some(scheduled) => {
                self.start(scheduled).await?;
            }
            None => {}
        }
        let mut connection = self.db.acquire().await?;
        Ok(run::of_campaign(&mut connection, campaign).await?)
    }

    async fn start(&self, scheduled: Scheduled) -> anyhow::Result<Start> {
        let now = now();
        let campaign = scheduled.campaign_id;
        if let Some(later) = moved(&scheduled, now) {
            let mut connection = self.db.acquire().await?;
            run::move_due(&mut connection, campaign, later).await?;
            tracing::info!(campaign.id = %campaign, "the rules of its time zone changed: it is due later");
            return Ok(Start::Done);
        }
        let mut tx = self.db.begin().await?;
        // Before the campaign is locked, so that people can still stop it.
        let Some(revision) = freeze::at_sending(&mut tx, campaign, now).await? else { return Ok(Start::Done) };
        if run::lock_scheduled(&mut tx, campaign).await?.is_none() {
            return Ok(Start::Done);
        }
        if !freeze::is_current(&mut tx, campaign, revision).await? {
            return Ok(Start::Again);
        }
        let (recipients, limit) = run::recipients_and_limit(&mut tx, campaign).await?;
        if recipients > limit {
            let reason = format!("the audience has {recipients} contacts, and this workspace allows {limit} in a run (max_recipients)");
            run::fail_campaign(&mut tx, campaign, &reason, now).await?;
            tracing::warn!(campaign.id = %campaign, recipients, limit, "the audience is over the workspace's limit");
        } else {
            let run = run::create(&mut tx, campaign, ONCE, RunId::new(), now).await?;
            freeze::mark(&mut tx, campaign, recipients.unsigned_abs(), now).await?;
            tracing::info!(campaign.id = %campaign, run.id = %run, recipients, "a run was started");
        }
        tx.commit().await?;
        self.to_expand.notify_one();
        Ok(Start::Done)
    }

    /// Sweeps away what audiences have left behind.
    pub(crate) async fn sweep(&self) -> anyhow::Result<bool> {
        let mut connection = self.db.acquire().await?;
        Ok(freeze::sweep(&mut connection, now()).await?)
    }
}

/// When the zone's rules changed since it was scheduled, so that the same wall time is later now.
fn moved(scheduled: &Scheduled, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let (local, zone) = (scheduled.local_time.as_deref()?, scheduled.timezone.as_deref()?);
    schedule::instant(local, zone).ok().filter(|due| *due > now)
}
