//! A bounded set of connections to one server.
//!
//! A connection is lent to one message at a time. One that fails, or whose message is given up at the deadline, is dropped
//! and not given back. There is no housekeeper: connections that rest too long are dropped when the next message comes, and
//! there are never more than `max_connections`. Whoever keeps to [`crate::Send::concurrency`] never waits for one.

use super::stream::Opener;
use crate::Fault;
use lettre::transport::smtp::{client::AsyncSmtpConnection, commands::Rset};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

/// Servers close idle connections after a minute or more.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// A connection that rested longer is asked for a sign of life before it is used again.
const TRUSTED: Duration = Duration::from_secs(1);
/// Many servers take no more on one connection.
const MESSAGES_PER_CONNECTION: u32 = 100;

pub(super) struct Pool {
    opener: Opener,
    permits: Semaphore,
    resting: Mutex<Vec<Resting>>,
}

struct Resting {
    connection: AsyncSmtpConnection,
    since: Instant,
    sent: u32,
    refused: bool,
}

/// One connection, lent out.
pub(super) struct Lease<'a> {
    pub connection: AsyncSmtpConnection,
    /// It was used before, and may have been closed at the other end without our knowing.
    pub reused: bool,
    sent: u32,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(opener: Opener) -> Self {
        Self { permits: Semaphore::new(opener.config().max_connections), opener, resting: Mutex::default() }
    }

    pub(super) const fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Waits for a free place, then lends a rested connection, or a new one.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, Fault> {
        let permit = self.permit().await?;
        while let Some(mut rested) = self.take() {
            let alive = if rested.refused {
                rested.connection.command(Rset).await.is_ok()
            } else {
                rested.since.elapsed() < TRUSTED || rested.connection.test_connected().await
            };
            if alive {
                return Ok(Lease { connection: rested.connection, reused: true, sent: rested.sent, _permit: permit });
            }
        }
        self.open(permit).await
    }

    /// Waits for a free place, then lends a new connection.
    pub(super) async fn lease_new(&self) -> Result<Lease<'_>, Fault> {
        let permit = self.permit().await?;
        self.open(permit).await
    }

    /// Takes a connection back. After a refusal the server still remembers the letter, and is told to forget it before the
    /// next one: not now, so that no slow answer can keep the refusal from being known.
    pub(super) fn give_back(&self, lease: Lease<'_>, refused: bool) {
        let sent = lease.sent + 1;
        if sent < MESSAGES_PER_CONNECTION && !lease.connection.has_broken() {
            let rested = Resting { connection: lease.connection, since: Instant::now(), sent, refused };
            self.resting.lock().unwrap_or_else(PoisonError::into_inner).push(rested);
        }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Fault> {
        // The semaphore is never closed; the error is for form's sake.
        let closed = |_| Fault::new("connect", crate::errors::RETRY, "shutting down");
        self.permits.acquire().await.map_err(closed)
    }

    async fn open<'a>(&'a self, permit: SemaphorePermit<'a>) -> Result<Lease<'a>, Fault> {
        Ok(Lease { connection: self.opener.open().await?, reused: false, sent: 0, _permit: permit })
    }

    /// The connection that rested least, after dropping those that rested too long.
    fn take(&self) -> Option<Resting> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|rested| rested.since.elapsed() < IDLE_MAX);
        resting.pop()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("opener", &self.opener).finish_non_exhaustive()
    }
}
