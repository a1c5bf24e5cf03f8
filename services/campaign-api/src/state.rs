//! What every handler shares.

use crate::scheduler_client::SchedulerClient;
use domain::link::LinkKey;
use runtime::seal::Kek;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

/// Connections, keys and the clock. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub db: store::Db,
    pub bus: bus::Bus,
    /// Seals the credentials of senders.
    pub kek: Arc<Kek>,
    /// Base of the URLs that providers and recipients call, without a slash at its end.
    pub public_url: Arc<str>,
    /// Where browsers reach this service, without a slash at its end. None: no account can be connected in the browser.
    pub api_url: Option<Arc<str>>,
    /// Signs the links to the pages on which people say what they want.
    pub links: LinkKey,
    pub clock: Clock,
    pub scheduler: SchedulerClient,
    /// Room for dry runs, which take a connection and a processor for a while.
    pub dry_runs: Arc<Semaphore>,
    /// Room for statements that look at all of a workspace's contacts. Who finds none waits.
    pub counts: Arc<Semaphore>,
}

/// Where the time comes from, so that a test can own it. Only for times that are stored and shown: what is due is judged
/// by the database's clock.
#[derive(Clone, Copy)]
pub struct Clock(pub fn() -> OffsetDateTime);

impl Clock {
    /// The machine's clock.
    pub const SYSTEM: Self = Self(OffsetDateTime::now_utc);

    /// Now, to the microsecond: what PostgreSQL keeps, so that an object is answered as it will be read back.
    #[must_use]
    pub fn now(self) -> OffsetDateTime {
        let now = (self.0)();
        now.replace_nanosecond(now.microsecond() * 1_000).unwrap_or(now)
    }
}
