//! Provider accounts, built from what the workspace entered and kept warm.

use crate::room::Calls;
use anyhow::Context as _;
use domain::{Channel, SenderId};
use providers::Account;
use runtime::seal::Kek;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::Db;
use tokio::sync::{OnceCell, Semaphore};

/// How long an account is used before it is read again: so long may a changed credential take to be used.
const FRESH: Duration = Duration::from_secs(10);
/// The setting that names where letters come back to.
const BOUNCES: &str = "bounce_address";
/// Accounts kept at most.
const MAX_KEPT: usize = 1_000;

/// A sender, ready to send.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) provider: &'static providers::Provider,
    pub(crate) send: Arc<dyn providers::Send>,
    /// A permit for each call that the account takes at once, for all jobs of both lanes.
    pub(crate) calls: Arc<Semaphore>,
    /// Where its e-mails come back to when they can't be delivered, without the token that names each; None: to the sender itself.
    pub(crate) bounces: Option<Arc<str>>,
}

impl Ready {
    /// What its calls hold.
    pub(crate) fn calls(&self) -> Calls {
        Calls { at_once: self.send.concurrency(), messages: self.send.batch() }
    }
}

#[derive(Clone)]
struct Known {
    ready: Ready,
    updated_at: time::OffsetDateTime,
}

/// An account, read once: of all that need it meanwhile one asks the database, and nobody waits for another account's answer.
struct Reading {
    since: Instant,
    known: OnceCell<Known>,
    /// As it was read before.
    before: Option<Known>,
}

/// The accounts in use.
pub(crate) struct Senders {
    db: Db,
    kek: Kek,
    channel: Channel,
    kept: Mutex<HashMap<SenderId, Arc<Reading>>>,
}

impl Senders {
    pub(crate) fn new(db: Db, kek: Kek, channel: Channel) -> Self {
        Self { db, kek, channel, kept: Mutex::default() }
    }

    /// What opens credentials, and what is said in conversations.
    pub(crate) fn kek(&self) -> &Kek {
        &self.kek
    }

    /// The account of a sender; its connections are kept as long as its settings stay the same.
    pub(crate) async fn get(&self, id: SenderId) -> anyhow::Result<Ready> {
        let reading = self.reading(id);
        let known = reading.known.get_or_try_init(|| self.read(id, reading.before.as_ref())).await?;
        Ok(known.ready.clone())
    }

    fn reading(&self, id: SenderId) -> Arc<Reading> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.get(&id);
        if let Some(fresh) = last.filter(|last| last.since.elapsed() < FRESH) {
            return fresh.clone();
        }
        let before = last.and_then(|last| last.known.get().or(last.before.as_ref()).cloned());
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let reading = Arc::new(Reading { since: Instant::now(), known: OnceCell::new(), before });
        kept.insert(id, reading.clone());
        reading
    }

    async fn read(&self, id: SenderId, before: Option<&Known>) -> anyhow::Result<Known> {
        let sender = {
            let mut connection = self.db.acquire().await?;
            store::sender::find(&mut connection, id).await?.context("the sender is gone")?
        };
        if let Some(same) = before.filter(|before| before.updated_at == sender.updated_at) {
            return Ok(same.clone());
        }
        let provider = providers::find(&sender.provider).with_context(|| format!("unknown provider {}", sender.provider))?;
        let secrets = self.kek.open(&sender.sealed_secrets, id.0.as_bytes()).context("the sender's credentials can't be opened")?;
        let account = Account { settings: sender.settings, secrets: serde_json::from_slice(&secrets)? };
        let send = (provider.sender)(&account, self.channel)?;
        let bounces = account.settings.get(BOUNCES).map(|address| address.trim()).filter(|address| !address.is_empty());
        let bounces = bounces.map(Into::into);
        let calls = Arc::new(Semaphore::new(send.concurrency().max(1)));
        Ok(Known { ready: Ready { provider, send, calls, bounces }, updated_at: sender.updated_at })
    }
}
