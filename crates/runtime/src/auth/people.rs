//! What the database says of a caller: whose an API key is, and what a workspace says of a person.
//!
//! Answers are used for two seconds ([`super::cache`]). Few readings run at once: whoever shows made-up keys must not take the
//! connections that calls need.

use super::{Caller, Refusal, api_key::ApiKeyText, cache::Cache};
use crate::status;
use domain::{ApiKeyId, WorkspaceId, role::Role};
use std::time::Duration;
use store::{
    Db, Error,
    api_key::{self, Held},
    user::{self, Listed},
};
use time::OffsetDateTime;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// Readings that may run at once.
const AT_ONCE: usize = 4;
/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct People {
    db: Db,
    clock: fn() -> OffsetDateTime,
    turns: Semaphore,
    keys: Cache<ApiKeyId, Option<Held>>,
    users: Cache<(WorkspaceId, String), Option<Listed>>,
}

impl People {
    pub(super) fn new(db: Db, clock: fn() -> OffsetDateTime) -> Self {
        Self { db, clock, turns: Semaphore::new(AT_ONCE), keys: Cache::new(), users: Cache::new() }
    }

    /// The caller that shows a key.
    pub(super) async fn holder(&self, shown: &str) -> Result<Caller, Refusal> {
        let shown = ApiKeyText::parse(shown).ok_or(Refusal::KeyInvalid)?;
        let held = match self.keys.get(&shown.id, Instant::now()) {
            Some(held) => held,
            None => self.read_key(&shown).await?,
        };
        let held = held.filter(|held| shown.matches(&held.secret_hash)).ok_or(Refusal::KeyInvalid)?;
        // Only whoever has the secret learns more.
        if held.revoked_at.is_some() {
            return Err(Refusal::KeyRevoked);
        }
        if held.expires_at.is_some_and(|end| end <= (self.clock)()) {
            return Err(Refusal::KeyExpired);
        }
        Ok(Caller {
            subject: format!("{}{}", super::KEY_SUBJECT, shown.id),
            workspace: held.workspace,
            role: held.role,
            api_key: Some(shown.id),
        })
    }

    /// The caller with the role that its workspace gives it.
    pub(super) async fn listed(&self, mut caller: Caller) -> Result<Caller, Refusal> {
        // No person is internal.
        if caller.role == Role::Internal {
            return Ok(caller);
        }
        let who = (caller.workspace, caller.subject.clone());
        let listed = match self.users.get(&who, Instant::now()) {
            Some(listed) => listed,
            None => self.read_user(who).await?,
        };
        match listed {
            Some(Listed { disabled: true, .. }) => return Err(Refusal::UserDisabled),
            Some(Listed { role, .. }) => caller.role = role,
            None => {}
        }
        Ok(caller)
    }

    async fn read_key(&self, shown: &ApiKeyText) -> Result<Option<Held>, Refusal> {
        let _turn = self.turn().await?;
        // Another call with it may have asked while this one waited.
        let asked = Instant::now();
        if let Some(held) = self.keys.get(&shown.id, asked) {
            return Ok(held);
        }
        let held = self.find_key(shown).await.map_err(|error| unavailable(&error))?;
        self.keys.put(shown.id, held.clone(), asked);
        Ok(held)
    }

    async fn find_key(&self, shown: &ApiKeyText) -> store::Result<Option<Held>> {
        let mut tx = self.db.begin().await?;
        let Some(held) = api_key::held(&mut tx, shown.id).await? else { return Ok(None) };
        drop(tx);
        let now = (self.clock)();
        if shown.matches(&held.secret_hash) && held.is_use_news(now) {
            let mut tx = self.db.tenant(held.workspace).await?;
            api_key::note_use(&mut tx, held.workspace, shown.id, now).await?;
            tx.commit().await?;
        }
        Ok(Some(held))
    }

    async fn read_user(&self, who: (WorkspaceId, String)) -> Result<Option<Listed>, Refusal> {
        let _turn = self.turn().await?;
        let asked = Instant::now();
        if let Some(listed) = self.users.get(&who, asked) {
            return Ok(listed);
        }
        let listed = self.find_user(&who).await.map_err(|error| unavailable(&error))?;
        self.users.put(who, listed, asked);
        Ok(listed)
    }

    async fn find_user(&self, (workspace, subject): &(WorkspaceId, String)) -> store::Result<Option<Listed>> {
        let mut tx = self.db.tenant(*workspace).await?;
        user::listed(&mut tx, *workspace, subject).await
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let turn = timeout(PATIENCE, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(Refusal::PeopleUnavailable)
    }
}

fn unavailable(error: &Error) -> Refusal {
    tracing::warn!(error = status::chain(error), "a caller can't be looked up");
    Refusal::PeopleUnavailable
}
