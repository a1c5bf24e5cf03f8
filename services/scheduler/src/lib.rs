//! The scheduler: starts campaigns when they are due, turns their audience into deliveries, and keeps the dispatchers in work.
//!
//! It sends nothing and decides nothing about a single message: that is the gate's. All that it knows is in PostgreSQL, so that
//! any number of replicas may run and any of them may die; each step locks what it works on and skips what another one has.
//! Start at [`run`]; each of its loops is a file: [`start`], [`expand`], [`publish`], [`keep`] (with [`again`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod again;
mod dead_letters;
mod expand;
mod grpc;
mod keep;
mod publish;
mod start;

use bus::Bus;
use domain::Channel;
use outbox::Outbox;
use runtime::{Authenticator, Server, Shutdown, config};
use std::{sync::Arc, time::Duration};
use store::Db;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// Names this service's facts in the outbox.
const ORIGIN: &str = "scheduler";

/// Configuration of the scheduler; `--help` lists it.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "Starts due campaigns, expands their audience and publishes send jobs")]
pub struct Config {
    #[command(flatten)]
    pub common: config::Common,
    #[command(flatten)]
    pub auth: config::Auth,
    /// Deliveries that may be with the dispatchers of a channel at once. Small enough that pausing is quick and no campaign starves
    /// the others.
    #[arg(long, env = "FANFARE_WINDOW", default_value_t = 10_000)]
    pub window: i64,
    /// Contacts in one chunk of an expansion.
    #[arg(long, env = "FANFARE_CHUNK", default_value_t = 2_000)]
    pub chunk: i64,
}

/// What the loops share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scheduler {
    db: Db,
    bus: Bus,
    outbox: Outbox,
    window: i64,
    chunk: i64,
    /// Wakes the loop that starts campaigns with segments.
    to_freeze: Arc<Notify>,
    /// Wakes the loop that expands.
    to_expand: Arc<Notify>,
    /// Wakes the loops that publish.
    to_publish: Arc<Notify>,
}

/// Works until shutdown.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, or the port can't be had.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let db = Db::connect(&config.common.database_url, store::Role::Scheduler, 16).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    let bus = bus.with_sizes(config.common.stream_sizes())?;
    bus.ensure_streams().await?;
    let scheduler = Scheduler {
        outbox: Outbox::new(db.clone(), bus.clone(), ORIGIN),
        db: db.clone(),
        bus: bus.clone(),
        window: config.window,
        chunk: config.chunk,
        to_freeze: Arc::default(),
        to_expand: Arc::default(),
        to_publish: Arc::default(),
    };
    let letters = dead_letters::service(bus.clone(), db.clone());
    let loops = TaskTracker::new();
    scheduler.spawn_loops(&loops, &shutdown);
    let served = Server::new(&config.common, Authenticator::new(&config.auth)?)
        .add(grpc::service(scheduler))
        .add(letters)
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
    loops.close();
    shutdown.bounded(loops.wait()).await?;
    served
}

impl Scheduler {
    fn spawn_loops(&self, tasks: &TaskTracker, shutdown: &Shutdown) {
        let outbox = self.outbox.clone();
        let stop = shutdown.soft();
        tasks.spawn(async move { outbox.run(stop).await });
        let (me, half_a_second) = (self.clone(), Duration::from_millis(500));
        tasks.spawn(shutdown.clone().repeat("start", half_a_second, Arc::default(), async move || me.start_due(false).await));
        let (me, wake) = (self.clone(), self.to_freeze.clone());
        tasks.spawn(shutdown.clone().repeat("freeze", half_a_second, wake, async move || me.start_due(true).await));
        let (me, a_minute) = (self.clone(), Duration::from_secs(60));
        tasks.spawn(shutdown.clone().repeat("sweep", a_minute, Arc::default(), async move || me.sweep().await));
        let (me, wake) = (self.clone(), self.to_expand.clone());
        tasks.spawn(shutdown.clone().repeat("expand", half_a_second, wake, async move || me.expand_open().await));
        let me = self.clone();
        tasks.spawn(shutdown.clone().repeat("keep", half_a_second, Arc::default(), async move || me.keep_house().await));
        let (me, ten_seconds) = (self.clone(), Duration::from_secs(10));
        tasks.spawn(shutdown.clone().repeat("take back", ten_seconds, Arc::default(), async move || me.take_back_lost().await));
        for channel in Channel::ALL {
            let (me, wake) = (self.clone(), self.to_publish.clone());
            let step = async move || me.publish_jobs(channel).await;
            tasks.spawn(shutdown.clone().repeat("publish", Duration::from_millis(100), wake, step));
        }
    }
}

/// The time that is stored and shown; what is due is judged by it too, on one machine's clock at a time.
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
