//! Analytics: the only one that turns facts into figures, and the one that shows them.
//!
//! It takes facts from the broker, writes each into the event log once and moves the counters by what it changes ([`fold`]); it
//! serves the counters, live ([`watch`]), and counts them anew on request. The rules of counting are `domain::facts`, the statements
//! `store::{fact, stats, recount}`. It changes nothing but its own schema: what a fact means for an address is campaign-api's.
//! Any number of replicas may run; a batch that is folded twice changes nothing.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod fold;
mod grpc;
mod present;
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
}

/// Works until shutdown.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, or the port can't be had.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let db = Db::connect(&config.common.database_url, store::Role::Analytics, 16).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    bus.ensure_streams().await?;
    let tasks = TaskTracker::new();
    fold::spawn(&tasks, &db, &bus, &shutdown);
    let service = grpc::service(db.clone(), watch::Feeds::new(db.clone(), tasks.clone(), shutdown.soft()));
    let served = Server::new(&config.common, Authenticator::new(&config.auth)?)
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
