//! Figures as they change: one reader a campaign, however many watch it.
//!
//! The reader looks at the counters every 250 ms, rather than being told by the fold: the counters are a few rows, and so it sees
//! what other replicas have folded too. It ends when nobody watches any more.

use crate::present::Figures;
use domain::{CampaignId, WorkspaceId};
use futures::{Stream, stream};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::Db;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The shortest time between two pushes.
pub(crate) const PUSH_EVERY: Duration = Duration::from_millis(250);

type Key = (WorkspaceId, CampaignId);
type Feed = watch::Receiver<Option<Figures>>;

/// All campaigns that are being watched. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feeds {
    db: Db,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    open: Arc<Mutex<HashMap<Key, watch::Sender<Option<Figures>>>>>,
}

impl Feeds {
    pub fn new(db: Db, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        Self { db, tasks, shutdown, open: Arc::default() }
    }

    /// The figures now, and whenever they have changed. With `quiet_after`, the stream ends once the campaign has and its figures
    /// have been still for that long.
    pub fn watch(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        quiet_after: Option<Duration>,
    ) -> impl Stream<Item = Figures> + Send + use<> {
        let watcher = Watcher { feed: self.subscribe((workspace, campaign)), quiet_after, last: None };
        stream::unfold(watcher, |mut watcher| async move {
            let figures = watcher.next().await?;
            Some((figures, watcher))
        })
    }

    fn subscribe(&self, key: Key) -> Feed {
        let mut open = self.lock();
        if let Some(sender) = open.get(&key) {
            return sender.subscribe();
        }
        let (sender, feed) = watch::channel(None);
        open.insert(key, sender.clone());
        let me = self.clone();
        self.tasks.spawn(async move { me.read(key, sender).await });
        feed
    }

    async fn read(&self, key: Key, sender: watch::Sender<Option<Figures>>) {
        while !self.close_unwatched(key, &sender) {
            match read(&self.db, key.0, key.1).await {
                Ok(figures) => {
                    sender.send_if_modified(|known| {
                        let changed = figures.is_some() && *known != figures;
                        if changed {
                            *known = figures;
                        }
                        changed
                    });
                }
                Err(error) => tracing::warn!(%error, campaign.id = %key.1, "figures could not be read; trying again"),
            }
            if self.shutdown.run_until_cancelled(tokio::time::sleep(PUSH_EVERY)).await.is_none() {
                // Ends the streams, too.
                self.lock().remove(&key);
                return;
            }
        }
    }

    /// Under the lock, so that nobody can subscribe to a feed that has just ended.
    fn close_unwatched(&self, key: Key, sender: &watch::Sender<Option<Figures>>) -> bool {
        let mut open = self.lock();
        let unwatched = sender.receiver_count() == 0;
        if unwatched {
            open.remove(&key);
        }
        unwatched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<Option<Figures>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reading; None when the workspace has no such campaign.
pub(crate) async fn read(db: &Db, workspace: WorkspaceId, campaign: CampaignId) -> store::Result<Option<Figures>> {
    let mut connection = db.acquire().await?;
    let Some(head) = store::stats::head(&mut connection, workspace, campaign).await? else { return Ok(None) };
    let tallies = store::stats::tallies(&mut connection, workspace, campaign).await?;
    Ok(Some(Figures { head, tallies }))
}

struct Watcher {
    feed: Feed,
    quiet_after: Option<Duration>,
    /// When the last push was, and whether the campaign had ended in it.
    last: Option<(Instant, bool)>,
}

impl Watcher {
    /// The next push; None when the stream ends.
    async fn next(&mut self) -> Option<Figures> {
        if let Some((at, ended)) = self.last {
            sleep_until(at + PUSH_EVERY).await;
            match self.quiet_after {
                Some(quiet) if ended => timeout_at(at + quiet, self.feed.changed()).await.ok()?.ok()?,
                _ => self.feed.changed().await.ok()?,
            }
        } else {
            self.feed.wait_for(Option::is_some).await.ok()?;
        }
        let figures = self.feed.borrow_and_update().clone()?;
        self.last = Some((Instant::now(), figures.has_ended()));
        Some(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use store::stats::Head;

    fn figures(status: &str) -> Option<Figures> {
        Some(Figures { head: Head { status: status.to_owned(), channels: Vec::new() }, tallies: BTreeMap::new() })
    }

    fn watcher(feed: Feed, quiet_seconds: u64) -> Watcher {
        Watcher { feed, quiet_after: (quiet_seconds > 0).then(|| Duration::from_secs(quiet_seconds)), last: None }
    }

    #[tokio::test(start_paused = true)]
    async fn pushes_keep_their_distance_and_only_the_latest_is_pushed() {
        let (sender, feed) = watch::channel(figures("SCHEDULED"));
        let mut watcher = watcher(feed, 0);
        let started = Instant::now();
        assert_eq!(watcher.next().await, figures("SCHEDULED"));
        assert_eq!(started.elapsed(), Duration::ZERO, "the first push is at once");
        sender.send_replace(figures("ACTIVE"));
        sender.send_replace(figures("PAUSED"));
        assert_eq!(watcher.next().await, figures("PAUSED"));
        assert!(started.elapsed() >= PUSH_EVERY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_stream_ends_when_an_ended_campaign_is_still() {
        let (sender, feed) = watch::channel(figures("ACTIVE"));
        let mut watcher = watcher(feed, 3);
        watcher.next().await;
        sender.send_replace(figures("COMPLETED"));
        assert_eq!(watcher.next().await, figures("COMPLETED"));
        let ended = Instant::now();
        assert_eq!(watcher.next().await, None);
        assert_eq!(ended.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_campaign_is_watched_however_long_it_is_still() {
        let (sender, feed) = watch::channel(figures("ACTIVE"));
        let mut watcher = watcher(feed, 3);
        watcher.next().await;
        let next = tokio::spawn(async move { watcher.next().await });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!next.is_finished());
        sender.send_replace(figures("PAUSED"));
        assert_eq!(next.await.unwrap(), figures("PAUSED"));
    }
}
