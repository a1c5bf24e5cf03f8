//! What senders need now and then without anybody asking for it, one file a kind of work. A loop in each replica takes what is due; each
//! piece is done in a transaction of its sender's workspace.
//!
//! Calls to providers are made outside of any transaction. A piece that fails is tried again ever more rarely, and after [`GIVE_UP_AFTER`]
//! times as rarely as that kind is done at all.

mod check;
mod opt_outs;
mod refresh;
mod templates;

pub(super) use check::look;
pub(super) use refresh::{refresh_at, resolve};

use super::account;
use crate::state::State;
use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use providers::{Account, Manage, Provider};
use runtime::Shutdown;
use std::{sync::Arc, time::Duration};
use store::{
    connection,
    sender::{self, Sender},
    sender_task::{self, Ended, Kind, Task},
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
/// Pieces of work at once, in one replica.
const AT_ONCE: usize = 8;
/// How long nobody else does a piece that was taken; it is given up before.
const HOLD: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(240);
/// How long after a sender was made or changed it is looked at by itself: people enter an account in several steps.
const FIRST_AFTER: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);
/// Failures in a row after which the waits don't grow any more.
const GIVE_UP_AFTER: u32 = 10;

/// A piece of work with what it needs.
pub(super) struct Job<'a> {
    pub(super) state: &'a State,
    pub(super) task: &'a Task,
    pub(super) sender: Sender,
    pub(super) provider: &'static Provider,
    pub(super) account: Account,
    /// When it was begun.
    pub(super) now: OffsetDateTime,
}

/// Works until shutdown.
///
/// # Errors
/// Never: what fails is logged and tried again.
pub async fn run(state: State, shutdown: Shutdown) -> anyhow::Result<()> {
    let soft = shutdown.soft();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while soft.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = round(&state, &soft).await {
            tracing::warn!(error = format!("{error:#}"), "work on senders could not be taken; trying again");
        }
    }
    Ok(())
}

async fn round(state: &State, soft: &CancellationToken) -> anyhow::Result<()> {
    loop {
        let now = state.clock.now();
        let mut tx = state.db.begin().await?;
        let tasks = sender_task::take(&mut tx, AT_ONCE as i64, HOLD, now).await?;
        tx.commit().await.map_err(store::Error::from)?;
        let full = tasks.len() == AT_ONCE;
        stream::iter(tasks).for_each_concurrent(AT_ONCE, |task| async move { work(state, &task, now, soft).await }).await;
        if !full || soft.is_cancelled() {
            return Ok(());
        }
    }
}

async fn work(state: &State, task: &Task, begun_at: OffsetDateTime, soft: &CancellationToken) {
    let doing = tokio::time::timeout(LONGEST, one(state, task, begun_at));
    // A new token that nobody writes down is lost, and the old one may be worth nothing by then. All else that is dropped half-way at the end
    // of the process is done again by whoever takes it next.
    let done = if task.kind == Kind::Refresh { Some(doing.await) } else { soft.run_until_cancelled(doing).await };
    let Some(done) = done else { return };
    let ended = match done.unwrap_or_else(|_| Err(anyhow::anyhow!("it took longer than {} s", LONGEST.as_secs()))) {
        Ok(ended) => ended,
        Err(error) => {
            let (kind, sender) = (task.kind.as_str(), task.sender_id);
            tracing::warn!(error = format!("{error:#}"), kind, sender.id = %sender, "work on a sender failed; it is tried again");
            Ended::Failed { next_at: state.clock.now() + wait(task.failures) }
        }
    };
    if let Err(error) = write(state, task, ended, begun_at).await {
        // It is given back when its time has passed.
        tracing::warn!(error = format!("{error:#}"), sender.id = %task.sender_id, "how work on a sender ended could not be written down");
    }
}

async fn one(state: &State, task: &Task, now: OffsetDateTime) -> anyhow::Result<Ended> {
    let Some(job) = Job::read(state, task, now).await? else { return Ok(Ended::Over) };
    if account::is_disconnected(job.provider, job.account.secrets.keys().map(String::as_str)) {
        return Ok(Ended::Over);
    }
    match task.kind {
        Kind::Check => check::run(&job).await,
        Kind::Refresh => refresh::run(&job).await,
        Kind::Templates => templates::run(&job).await,
        Kind::OptOuts => opt_outs::run(&job).await,
    }
}

async fn write(state: &State, task: &Task, ended: Ended, begun_at: OffsetDateTime) -> anyhow::Result<()> {
    let mut tx = state.db.tenant(task.workspace_id).await?;
    sender_task::end(&mut tx, task, ended, begun_at, state.clock.now()).await?;
    tx.commit().await.map_err(store::Error::from)?;
    Ok(())
}

impl<'a> Job<'a> {
    /// None: the sender is gone, or its provider isn't known any more.
    async fn read(state: &'a State, task: &'a Task, now: OffsetDateTime) -> anyhow::Result<Option<Self>> {
        let sender = {
            let mut tx = state.db.tenant(task.workspace_id).await?;
            sender::get(&mut tx, task.workspace_id, task.sender_id).await?
        };
        let Some(sender) = sender else { return Ok(None) };
        let Some(provider) = providers::find(&sender.provider) else { return Ok(None) };
        let account = opened(state, &sender)?;
        Ok(Some(Self { state, task, sender, provider, account, now }))
    }

    /// What the provider can be asked; None: it can't be asked anything.
    ///
    /// # Errors
    /// When the account can't be used as stored.
    pub(super) fn manage(&self) -> anyhow::Result<Option<Arc<dyn Manage>>> {
        let Some(make) = self.provider.manage else { return Ok(None) };
        Ok(Some(make(&self.account, self.sender.channel)?))
    }
}

/// A sender's account with its secrets opened.
///
/// # Errors
/// When they can't be.
pub(super) fn opened(state: &State, sender: &Sender) -> anyhow::Result<Account> {
    let secrets = account::open(&state.kek, sender.sender_id, &sender.sealed_secrets);
    let secrets = secrets.map_err(|status| anyhow::anyhow!("{}", status.message())).context("its credentials can't be opened")?;
    Ok(Account { settings: sender.settings.clone(), secrets })
}

fn wait(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.min(GIVE_UP_AFTER)).min(LONGEST_WAIT)
}

/// What a sender needs from now on, by what its provider can do: called when it was made or changed.
///
/// # Errors
/// When the database fails.
pub(super) async fn plan(state: &State, tx: &mut store::PgConnection, sender: &Sender, now: OffsetDateTime) -> store::Result<()> {
    let Some(provider) = providers::find(&sender.provider) else { return Ok(()) };
    if account::is_disconnected(provider, sender.secret_names.iter().map(String::as_str)) {
        return connection::disconnect(tx, sender.workspace_id, sender.sender_id, now).await;
    }
    if provider.connect.is_some() && sender.secret_names.iter().any(|name| name == providers::oauth::REFRESH_TOKEN) {
        // The end of a token that was pasted isn't known.
        sender_task::put(tx, sender.workspace_id, sender.sender_id, Kind::Refresh, now + FIRST_AFTER).await?;
    }
    // An account that is unfinished sends nothing yet.
    let send = opened(state, sender).ok().and_then(|account| (provider.sender)(&account, sender.channel).ok());
    if let Some(send) = send {
        sender::set_batch_size(tx, sender.sender_id, send.batch()).await?;
    }
    if provider.manage.is_none() {
        return Ok(());
    }
    for kind in [Kind::Check, Kind::Templates, Kind::OptOuts] {
        sender_task::put(tx, sender.workspace_id, sender.sender_id, kind, now + FIRST_AFTER).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        assert_eq!(wait(0), FIRST_WAIT);
        assert_eq!(wait(2), 4 * FIRST_WAIT);
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
    }
}
