//! The senders that posts are for, kept for a few seconds: a change of credentials is seen soon, and a flood of posts (or of made-up
//! sender ids) costs the database little.

use domain::{Channel, SenderId, WorkspaceId};
use providers::{Account, Secret, Webhook};
use runtime::seal::Kek;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::Db;
use tokio::{sync::OnceCell, time::Instant};

const KEEP: Duration = Duration::from_secs(5);
const MAX_KEPT: usize = 10_000;

/// A sender, ready to verify and decode what is posted for it.
pub(crate) struct Sender {
    pub id: SenderId,
    pub workspace_id: WorkspaceId,
    pub channel: Channel,
    pub provider: &'static str,
    pub account: Account,
    pub webhook: Arc<dyn Webhook>,
}

/// None: there is no such sender, or its provider posts nothing.
type Found = Option<Arc<Sender>>;

struct Kept {
    since: Instant,
    found: Arc<OnceCell<Found>>,
}

/// Finds senders by id.
pub(crate) struct Senders {
    db: Db,
    kek: Kek,
    kept: Mutex<HashMap<SenderId, Kept>>,
}

impl Senders {
    pub fn new(db: Db, kek: Kek) -> Self {
        Self { db, kek, kept: Mutex::default() }
    }

    /// What seals credentials, and what people write.
    pub fn kek(&self) -> &Kek {
        &self.kek
    }

    /// The sender of that id.
    ///
    /// # Errors
    /// When the database fails, or what is stored can't be used: the post is to be made again.
    pub async fn find(&self, id: SenderId) -> anyhow::Result<Found> {
        let slot = self.slot(id, Instant::now());
        // Of many requests at once, one asks the database and the others wait for it.
        slot.get_or_try_init(|| self.load(id)).await.cloned()
    }

    fn slot(&self, id: SenderId, now: Instant) -> Arc<OnceCell<Found>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = kept.get(&id).filter(|slot| now < slot.since + KEEP) {
            return slot.found.clone();
        }
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, slot| now < slot.since + KEEP);
        }
        let found = Arc::new(OnceCell::new());
        if kept.len() < MAX_KEPT {
            kept.insert(id, Kept { since: now, found: found.clone() });
        }
        found
    }

    async fn load(&self, id: SenderId) -> anyhow::Result<Found> {
        let stored = {
            let mut connection = self.db.acquire().await?;
            store::sender::find(&mut connection, id).await?
        };
        let Some(stored) = stored else { return Ok(None) };
        let Some(provider) = providers::find(&stored.provider) else { return Ok(None) };
        let Some(webhook) = provider.webhook else { return Ok(None) };
        let secrets = self.kek.open(&stored.sealed_secrets, id.0.as_bytes())?;
        let secrets: BTreeMap<String, Secret> = serde_json::from_slice(&secrets)?;
        let account = Account { settings: stored.settings, secrets };
        let sender = Sender {
            id,
            workspace_id: stored.workspace_id,
            channel: stored.channel,
            provider: provider.slug,
            webhook: webhook(&account)?,
            account,
        };
        Ok(Some(Arc::new(sender)))
    }
}
