//! The dispatcher of one channel: takes send jobs, passes their deliveries through the gate, hands them to the provider and records
//! what became of them.
//!
//! It decides nothing that the gate decides, and turns nothing into figures. Any number of replicas may run. Start at [`job`], the
//! life of one job: gate → send → record, a sub-batch at a time. [`house`] settles what dead workers left behind.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod content;
mod house;
mod job;
mod meters;
mod outcome;
mod plans;
mod senders;
mod worker;

use bus::{Bus, Consumer, Subject};
use domain::{Channel, link::LinkKey};
use meters::Meters;
use outbox::Outbox;
use plans::Plans;
use runtime::{Server, Shutdown, config};
use senders::Senders;
use std::{sync::Arc, time::Duration};
use store::Db;
use tokio_util::task::TaskTracker;
use worker::Worker;

/// Names this service's facts in the outbox.
const ORIGIN: &str = "dispatcher";
/// A job that isn't touched for this long is given to another worker.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How often a job is given out before it is put away; its row stays, so that the scheduler publishes it again.
const MAX_DELIVER: i64 = 10;

/// Configuration of a dispatcher; `--help` lists it.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "Sends what is due on one channel")]
pub struct Config {
    #[command(flatten)]
    pub common: config::Common,
    #[command(flatten)]
    pub kek: config::Kek,
    #[command(flatten)]
    pub links: config::Links,
    /// The channel to work for: email, sms or whatsapp.
    #[arg(long, env = "FANFARE_CHANNEL")]
    pub channel: Channel,
    /// Jobs under way at once. Jobs that wait for a slow sender's pace count too.
    #[arg(long, env = "FANFARE_JOBS", default_value_t = 16)]
    pub jobs: usize,
    /// Deliveries that pass the gate together, and calls to a provider at once for each job.
    #[arg(long, env = "FANFARE_SUB_BATCH", default_value_t = 64)]
    pub sub_batch: u32,
}

/// What the jobs share. Cheap to clone.
#[derive(Clone)]
struct Dispatcher {
    channel: Channel,
    db: Db,
    outbox: Outbox,
    worker: Arc<Worker>,
    senders: Arc<Senders>,
    plans: Arc<Plans>,
    links: LinkKey,
    /// Base of the links and callbacks, without a slash at its end.
    public_url: Arc<str>,
    sub_batch: u32,
    meters: Arc<Meters>,
    shutdown: Shutdown,
}

/// Works until shutdown; then finishes the sub-batches that are under way and hands the rest back.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, or a key can't be read.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    // One for each job, and some for the heartbeat, the relay and the house.
    let connections = u32::try_from(config.jobs)?.saturating_add(8);
    let db = Db::connect(&config.common.database_url, store::Role::Dispatcher, connections).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    bus.ensure_streams().await?;
    let outbox = Outbox::new(db.clone(), bus.clone(), ORIGIN);
    let dispatcher = Dispatcher {
        channel: config.channel,
        worker: Arc::new(Worker::register(&db, config.channel).await?),
        senders: Arc::new(Senders::new(db.clone(), config.kek.load()?, config.channel)),
        plans: Arc::new(Plans::new(db.clone(), config.channel)),
        links: LinkKey::from_base64(&config.links.link_key)?,
        public_url: config.links.public_url.trim_end_matches('/').into(),
        sub_batch: config.sub_batch.clamp(1, 500),
        db: db.clone(),
        meters: Arc::new(Meters::new()),
        outbox: outbox.clone(),
        shutdown: shutdown.clone(),
    };
    let tasks = TaskTracker::new();
    // The heartbeat and the relay go on until the last job has ended.
    let ended = tokio_util::sync::CancellationToken::new();
    let relay_end = ended.clone();
    tasks.spawn(async move { outbox.run(relay_end).await });
    tasks.spawn(dispatcher.clone().beat(ended.clone()));
    tasks.spawn(dispatcher.clone().keep_house());
    let jobs = tokio::spawn(dispatcher.clone().work_off(bus.clone(), config.jobs));
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
    shutdown.bounded(jobs).await??;
    ended.cancel();
    tasks.close();
    shutdown.bounded(tasks.wait()).await?;
    dispatcher.worker.sign_off(&dispatcher.db).await?;
    served
}

impl Dispatcher {
    async fn work_off(self, bus: Bus, concurrency: usize) {
        let consumer = Consumer {
            durable: format!("dispatcher-{}", self.channel),
            subject: Subject::send(self.channel),
            ack_wait: ACK_WAIT,
            max_ack_pending: 1_000,
            max_deliver: Some(MAX_DELIVER),
        };
        let soft = self.shutdown.soft();
        bus.consume_each(consumer, concurrency, soft, |job, traceparent| self.clone().handle(job, traceparent)).await;
    }
}
