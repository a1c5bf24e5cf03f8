//! Watches that the figures are what the log and the ledger say, all the time, and alarms when they aren't.
//!
//! Every round looks at campaigns whose figures moved lately here, whose run isn't over or ended lately, or about which the alarm is
//! raised: log against statuses against counters must be exact at any moment; what the ledger has said for a while must have become a
//! fact. A campaign is looked at again only after many times the time that looking took, so that large ones don't cost more than a
//! few percent of one connection.

use crate::{
    Config, now,
    rebuild::{self, Stopped},
};
use domain::{CampaignId, WorkspaceId};
use runtime::{
    Shutdown,
    metrics::{self, Counter, Histogram, KeyValue},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{
    Db,
    alert::{self, Raise},
    rebuild::Report,
    stats,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a campaign is looked at after its figures have moved.
const RECENT: Duration = Duration::from_secs(10 * 60);
/// Campaigns in one round at most.
const PER_ROUND: usize = 16;
/// A campaign rests for so many times the time that looking at it took.
const REST: u32 = 20;
/// Campaigns that are remembered at most; those beyond it are found by their runs.
const MAX_REMEMBERED: usize = 10_000;
/// Differences that an alert names.
const MAX_NAMED: usize = 5;

/// Who raises alerts, in the outbox.
pub(crate) const ORIGIN: &str = "analytics";

type Key = (WorkspaceId, CampaignId);

/// Campaigns whose figures the fold has moved. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Moved(Arc<Mutex<BTreeMap<Key, Instant>>>);

impl Moved {
    pub fn note(&self, campaigns: &BTreeSet<Key>) {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in campaigns {
            if moved.len() < MAX_REMEMBERED || moved.contains_key(key) {
                moved.insert(*key, Instant::now());
            }
        }
    }

    fn recent(&self) -> BTreeSet<Key> {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moved.retain(|_, at| at.elapsed() < RECENT);
        moved.keys().copied().collect()
    }
}

/// When a campaign was last looked at, and how long that took.
#[derive(Clone, Copy)]
struct Looked {
    at: Instant,
    took: Duration,
}

struct Reconcile {
    db: Db,
    moved: Moved,
    after: Duration,
    looked: BTreeMap<Key, Looked>,
    checks: Counter<u64>,
    seconds: Histogram<f64>,
}

/// Starts looking, until shutdown.
pub(crate) fn spawn(tasks: &TaskTracker, config: &Config, db: &Db, moved: Moved, shutdown: &Shutdown) {
    let (every, stop) = (Duration::from_secs(config.reconcile_every.into()), shutdown.soft());
    let mut reconcile = Reconcile {
        db: db.clone(),
        moved,
        after: Duration::from_secs(config.reconcile_after.into()),
        looked: BTreeMap::new(),
        checks: metrics::counter("fanfare.figures.checks", "Campaigns whose figures were compared with log and ledger, by outcome"),
        seconds: metrics::histogram("fanfare.figures.check.duration", "s", "Time of comparing one campaign", &metrics::SECONDS),
    };
    let step = async move || reconcile.round(&stop).await.map(|()| false);
    tasks.spawn(shutdown.clone().repeat("compare figures", every, Arc::default(), step));
}

impl Reconcile {
    async fn round(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut due = self.moved.recent();
        due.extend(stats::lately_active(&mut *self.db.acquire().await?, now() - RECENT, PER_ROUND as i64 * 4).await?);
        self.looked.retain(|key, _| due.contains(key));
        // The longest unseen first, so that each has its turn.
        let mut due: Vec<_> = due.into_iter().map(|key| (self.looked.get(&key).copied(), key)).collect();
        due.retain(|(looked, _)| looked.is_none_or(|looked| looked.at.elapsed() >= looked.took * REST));
        due.sort_by_key(|(looked, _)| looked.map(|looked| looked.at));
        for (_, key) in due.into_iter().take(PER_ROUND) {
            let started = Instant::now();
            let settled_before = now() - self.after;
            match rebuild::check(&self.db, key, Some(settled_before), |_, _| !stop.is_cancelled()).await {
                Ok(report) => self.judge(key, &report).await?,
                Err(Stopped::Store(error)) => return Err(error.into()),
                Err(Stopped::Abandoned) => return Ok(()),
                Err(Stopped::NotFound | Stopped::Busy) => {}
            }
            self.looked.insert(key, Looked { at: Instant::now(), took: started.elapsed() });
            self.seconds.record(started.elapsed().as_secs_f64(), &[]);
        }
        Ok(())
    }

    async fn judge(&self, (workspace, campaign): Key, report: &Report) -> store::Result<()> {
        let outcome = match (report.is_equal(), report.ledger.is_empty()) {
            (true, true) => "equal",
            (false, _) => "log_differs",
            (true, false) => "ledger_differs",
        };
        self.checks.add(1, &[KeyValue::new("outcome", outcome)]);
        if outcome == "equal" {
            let kinds = [alert::kind::FIGURES_DISAGREE];
            let resolved = alert::resolve(&mut *self.db.acquire().await?, Some(campaign), None, &kinds, "reconciliation", now()).await?;
            if resolved > 0 {
                tracing::info!(campaign.id = %campaign, "the figures agree again");
            }
            return Ok(());
        }
        let detail = detail(report);
        tracing::error!(campaign.id = %campaign, outcome, detail, "figures disagree");
        let raise = Raise {
            workspace_id: workspace,
            campaign_id: Some(campaign),
            sender_id: None,
            channel: None,
            kind: alert::kind::FIGURES_DISAGREE,
            code: outcome,
            detail: &detail,
        };
        let mut tx = self.db.begin().await?;
        outbox::raise_alert(&mut tx, ORIGIN, &raise, "", now()).await?;
        Ok(tx.commit().await?)
    }
}

/// What is wrong and what to do, in words.
fn detail(report: &Report) -> String {
    let statuses = (report.differing > 0).then(|| format!("{} deliveries are stored otherwise than the log says", report.differing));
    let all: Vec<_> = statuses.into_iter().chain(report.differences.iter().chain(&report.ledger).cloned()).collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let remedy = if report.is_equal() {
        "facts are late or lost: look at the queue of facts and the outbox"
    } else {
        "`fanfare stats rebuild --repair` puts it right"
    };
    let named = all.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    format!("{named}{more}. {remedy}")
}
