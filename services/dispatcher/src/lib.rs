//! The dispatcher of one channel: takes send jobs, passes their deliveries through the gate, hands them to the provider and records
//! what became of them.
//!
//! It decides nothing that the gate decides, and turns nothing into figures. Any number of replicas may run. Start at [`job`], the
//! life of one job: gate → send → record, a sub-batch at a time. [`house`] makes uncertain what dead workers held, [`settle`] finds out
//! about it, and [`notices`] follows what providers report. [`test_send`] sends what people want to look at,
//! [`reply`] what they answer in conversations.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod config;
mod content;
mod contents;
mod domains;
mod files;
mod health;
mod house;
mod job;
mod kept;
mod meters;
mod notices;
mod outcome;
mod plans;
mod push;
mod reconnect;
mod record;
mod reply;
mod room;
mod senders;
mod settle;
mod short_links;
mod test_send;
mod told;
mod worker;

pub use config::Config;

use bus::{Bus, Consumer, Subject};
use contents::Contents;
use domain::{Channel, link::LinkKey};
use files::Files;
use meters::Meters;
use outbox::Outbox;
use plans::Plans;
use room::Room;
use runtime::{Server, Shutdown};
use senders::Senders;
use short_links::ShortLinks;
use std::{sync::Arc, time::Duration};
use store::{Db, Role};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::Worker;

/// Names this service's facts in the outbox.
const ORIGIN: &str = "dispatcher";
/// A job that isn't touched for this long is given to another worker.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How often a job is given out before it is put away; its row stays, so that the scheduler publishes it again.
const MAX_DELIVER: i64 = 10;
/// Jobs out at once over all replicas.
const MAX_OUT: i64 = 4_000;
/// Jobs of the fast lane under way at once, and messages of theirs: kept for them alone, so that they never wait behind bulk.
const FAST_JOBS: usize = 16;
const FAST_IN_FLIGHT: usize = 256;
/// Connections to the database for the gates of the fast lane.
const FAST_GATES: u32 = 4;

/// What the jobs share. Cheap to clone.
#[derive(Clone)]
struct Dispatcher {
    channel: Channel,
    /// For all but the gates: none of it waits for long.
    db: Db,
    /// For the gates of this lane. They wait for the locks of other gates, and must not keep from the database what ends such a wait.
    gates: Db,
    outbox: Outbox,
    worker: Arc<Worker>,
    senders: Arc<Senders>,
    plans: Arc<Plans>,
    contents: Arc<Contents>,
    links: LinkKey,
    short_links: Arc<ShortLinks>,
    files: Arc<Files>,
    /// What providers keep that messages refer to.
    kept: Arc<kept::Kept>,
    /// Base of the links and callbacks, without a slash at its end.
    public_url: Arc<str>,
    sub_batch: u32,
    /// Of this lane.
    room: Room,
    settle_after: Duration,
    unknown_after: Duration,
    meters: Arc<Meters>,
    shutdown: Shutdown,
}

/// Works until shutdown; then finishes the sub-batches that are under way and hands the rest back.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, a key can't be read, or a time is too short.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.common.private_networks == runtime::config::PrivateNetworks::Allow {
        providers::public_net::allow_private(true);
    }
    let db = connect(&config, config.other_connections()).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    let bus = bus.with_sizes(config.common.stream_sizes())?;
    bus.ensure_streams().await?;
    let outbox = Outbox::new(db.clone(), bus.clone(), ORIGIN);
    let dispatcher = Dispatcher::build(&config, db.clone(), outbox.clone(), shutdown.clone()).await?;
    let fast = Dispatcher { gates: connect(&config, FAST_GATES).await?, room: Room::new(FAST_IN_FLIGHT), ..dispatcher.clone() };
    let tasks = TaskTracker::new();
    // The heartbeat and the relay go on until the last job has ended.
    let ended = CancellationToken::new();
    let relay_end = ended.clone();
    tasks.spawn(async move { outbox.run(relay_end).await });
    tasks.spawn(dispatcher.clone().beat(ended.clone()));
    tasks.spawn(dispatcher.clone().keep_house());
    tasks.spawn(dispatcher.clone().settle_uncertain());
    tasks.spawn(dispatcher.clone().send_tests());
    tasks.spawn(dispatcher.clone().send_replies());
    let jobs = TaskTracker::new();
    jobs.spawn(fast.work_off(bus.clone(), "-fast", Subject::send_fast(config.channel), FAST_JOBS));
    jobs.spawn(dispatcher.clone().work_off(bus.clone(), "", Subject::send(config.channel), config.jobs));
    jobs.close();
    let served = Server::plain(&config.common)
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
    // What isn't over by the deadline is left as it is: its lease runs out, and others settle it.
    shutdown.bounded(jobs.wait()).await?;
    ended.cancel();
    tasks.close();
    shutdown.bounded(tasks.wait()).await?;
    shutdown.bounded(dispatcher.worker.sign_off()).await??;
    served
}

async fn connect(config: &Config, connections: u32) -> store::Result<Db> {
    Db::connect(&config.common.database_url, Role::Dispatcher, connections).await
}

impl Dispatcher {
    async fn build(config: &Config, db: Db, outbox: Outbox, shutdown: Shutdown) -> anyhow::Result<Self> {
        let settle_after = config.settle_after()?;
        let heartbeat = connect(config, 1).await?;
        Ok(Self {
            channel: config.channel,
            worker: Arc::new(Worker::register(heartbeat, config.channel, config.lease()).await?),
            senders: Arc::new(Senders::new(db.clone(), config.kek.load()?, config.channel)),
            contents: Arc::new(Contents::new(db.clone())),
            plans: Arc::new(Plans::new(db.clone(), config.channel, &config.links.public_url)),
            links: LinkKey::from_base64(&config.links.link_key)?,
            short_links: Arc::default(),
            files: Arc::default(),
            kept: Arc::new(kept::Kept::new(db.clone())),
            public_url: config.links.public_url.trim_end_matches('/').into(),
            sub_batch: config.sub_batch.clamp(1, 500),
            room: Room::new(config.in_flight),
            gates: connect(config, config.gate_connections()).await?,
            settle_after,
            unknown_after: config.unknown_after(),
            meters: Arc::new(Meters::new()),
            db,
            outbox,
            shutdown,
        })
    }

    async fn work_off(self, bus: Bus, lane: &'static str, subject: Subject, jobs: usize) {
        let consumer = Consumer {
            durable: format!("dispatcher-{}{lane}", self.channel),
            subject,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_OUT,
            max_deliver: Some(MAX_DELIVER),
        };
        let soft = self.shutdown.soft();
        bus.consume_each(consumer, jobs, soft, |job, traceparent| self.clone().handle(job, traceparent)).await;
    }
}
