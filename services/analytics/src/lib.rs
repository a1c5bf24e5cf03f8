//! Analytics: the only one that turns facts into figures, and the one that shows them.
//!
//! It takes facts from the broker, writes each into the event log once and moves the counters by what it changes ([`fold`]); it
//! serves the counters, live ([`watch`]), and counts them anew on request. It compares them with log and ledger all the time
//! ([`reconcile`]), folds the log anew ([`rebuild`]), and explains what became of one contact ([`explain`]). The rules of counting are
//! `domain::facts`, the statements `store::{fact, stats, recount, rebuild, explain}`. Beside its own schema it writes alerts, and
//! takes from the outbox what it has folded; what a fact means for an address is campaign-api's, for a delivery the dispatcher's.
//! Any number of replicas may run; a batch that is folded twice changes nothing.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod explain;
mod fold;
mod grpc;
mod present;
mod rebuild;
mod reconcile;
mod versions;
mod watch;
mod wire;

use bus::Bus;
use runtime::{Authenticator, Server, Shutdown, config};
use store::Db;
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

/// Configuration of analytics; `--help` lists it.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "Folds facts into figures and serves them")]
pub struct Config {
    #[command(flatten)]
    pub common: config::Common,
    #[command(flatten)]
    pub auth: config::Auth,

    /// Seconds between two rounds of comparing figures with log and ledger
    #[arg(long, env = "FANFARE_RECONCILE_EVERY", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub reconcile_every: u32,

    /// Seconds after which what the ledger says must be in the figures
    #[arg(long, env = "FANFARE_RECONCILE_AFTER", default_value_t = 120)]
    pub reconcile_after: u32,
}

/// Works until shutdown.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, or the port can't be had.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let db = Db::connect(&config.common.database_url, store::Role::Analytics, 16).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    let bus = bus.with_sizes(config.common.stream_sizes())?;
    bus.ensure_streams().await?;
    let tasks = TaskTracker::new();
    let moved = reconcile::Moved::default();
    fold::spawn(&tasks, &db, &bus, moved.clone(), &shutdown);
    reconcile::spawn(&tasks, &config, &db, moved, &shutdown);
    let (news, stop) = (outbox::Outbox::new(db.clone(), bus.clone(), reconcile::ORIGIN), shutdown.soft());
    tasks.spawn(async move { news.run(stop).await });
    let service = grpc::service(db.clone(), tasks.clone(), watch::Feeds::new(db.clone(), tasks.clone(), shutdown.soft()));
    let served = Server::new(&config.common, Authenticator::new(&config.auth)?.with_people(db.clone()))
        .add(service)
        .ready("database", move || {
            let db = db.clone();
            async move { db.ping().await }
        })
        .ready("broker", move || {
            let bus = bus.clone();
            async move { bus.ping().await }
        })
        .serve(&shutdown)
        .await;
    shutdown.begin();
    tasks.close();
    shutdown.bounded(tasks.wait()).await?;
    served
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
