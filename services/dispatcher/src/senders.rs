//! Provider accounts, built from what the workspace entered and kept warm.

use crate::room::Room;
use anyhow::Context as _;
use domain::{Channel, SenderId};
use providers::Account;
use runtime::seal::Kek;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use store::Db;
use tokio::sync::{Mutex, Semaphore};

/// How long an account is used before it is read again: so long may a changed credential take to be used.
const FRESH: Duration = Duration::from_secs(10);
/// Accounts kept at most.
const MAX_KEPT: usize = 1_000;

/// A sender, ready to send.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) provider: &'static providers::Provider,
    pub(crate) send: Arc<dyn providers::Send>,
    /// How many of its messages may be on their way.
    pub(crate) room: Arc<Semaphore>,
}

struct Kept {
    ready: Ready,
    updated_at: time::OffsetDateTime,
    checked: Instant,
}

/// The accounts in use.
pub(crate) struct Senders {
    db: Db,
    kek: Kek,
    channel: Channel,
    room: Room,
    kept: Mutex<HashMap<SenderId, Kept>>,
}

impl Senders {
    pub(crate) fn new(db: Db, kek: Kek, channel: Channel, room: Room) -> Self {
        Self { db, kek, channel, room, kept: Mutex::default() }
    }

    /// The account of a sender; its connections are kept as long as its settings stay the same.
    pub(crate) async fn get(&self, id: SenderId) -> anyhow::Result<Ready> {
        let mut kept = self.kept.lock().await;
        if let Some(account) = kept.get(&id).filter(|account| account.checked.elapsed() < FRESH) {
            return Ok(account.ready.clone());
        }
        let mut connection = self.db.acquire().await?;
        let sender = store::sender::find(&mut connection, id).await?.context("the sender is gone")?;
        if let Some(account) = kept.get_mut(&id).filter(|account| account.updated_at == sender.updated_at) {
            account.checked = Instant::now();
            return Ok(account.ready.clone());
        }
        let provider = providers::find(&sender.provider).with_context(|| format!("unknown provider {}", sender.provider))?;
        let secrets = self.kek.open(&sender.sealed_secrets, id.0.as_bytes()).context("the sender's credentials can't be opened")?;
        let account = Account { settings: sender.settings, secrets: serde_json::from_slice(&secrets)? };
        let room = kept.get(&id).map_or_else(|| self.room.for_sender(), |before| before.ready.room.clone());
        let ready = Ready { provider, send: (provider.sender)(&account, self.channel)?, room };
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(id, Kept { ready: ready.clone(), updated_at: sender.updated_at, checked: Instant::now() });
        Ok(ready)
    }
}
