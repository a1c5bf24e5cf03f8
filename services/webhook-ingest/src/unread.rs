//! Posts of which some part was not understood: kept as they came, sealed, for those who run the sender.
//!
//! What was understood goes its way. New fields, statuses and codes of a provider are harmless so, and there to be looked at.

use crate::{now, senders::Sender};
use domain::facts::key;
use runtime::seal::{Error, Kek};
use std::time::Duration;
use store::{
    Db,
    unread_post::{self, New},
};
use tokio_util::sync::CancellationToken;

/// Bytes of a body that are kept: many times what a single report has.
const MAX_BODY: usize = 64 << 10;
/// How often what has been kept long enough is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// A post to be kept; None when all of it was understood. Posted again as it was, it has the same key.
///
/// # Errors
/// When the system gives no randomness to seal with.
pub(crate) fn post(kek: &Kek, sender: &Sender, body: &[u8], parts: usize) -> Result<Option<New>, Error> {
    if parts == 0 {
        return Ok(None);
    }
    let key = key(&format!("unread/{}/{}/{}", sender.provider, sender.id, String::from_utf8_lossy(body)));
    let start = &body[..body.len().min(MAX_BODY)];
    let parts = i32::try_from(parts).unwrap_or(i32::MAX);
    Ok(Some(New { sender_id: sender.id, key, parts, sealed: kek.seal(start, &key)?, cut: start.len() < body.len() }))
}

/// Forgets what is too old, now and then until shutdown.
pub(crate) async fn forget(db: Db, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(Err(error)) = shutdown.run_until_cancelled(forget_all(&db)).await {
            tracing::warn!(%error, "posts that were not understood could not be forgotten; trying again");
        }
    }
}

async fn forget_all(db: &Db) -> store::Result<()> {
    while unread_post::forget(&mut *db.acquire().await?, now()).await? {}
    Ok(())
}
