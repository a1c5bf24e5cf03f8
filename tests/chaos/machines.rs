//! The processes of a stage: what is done to them, how much memory they take, and which of them fell over by themselves.

use crate::monkey::Act;
use anyhow::{Context, Result};
use devstack::{Hub, Process, SmallDisk, Stack};
use domain::Channel;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use store::{Db, Role, admin::raw};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Room for a new cluster, its log, and a short campaign.
const SMALL_DISK_MIB: u32 = 768;
/// What a frozen process had told the database by then has arrived there.
const ARRIVED: Duration = Duration::from_millis(50);

pub struct Machines {
    pub stack: Stack,
    pub hub: Hub,
    /// Where the servers' data is, in a scenario that fills it.
    pub disk: Option<SmallDisk>,
    /// How often each kind of act was to be done by the monkey, and was done.
    pub planned: BTreeMap<String, u64>,
    pub acts: BTreeMap<String, u64>,
    /// The most memory that each process has held, in KiB.
    pub memory_kib: BTreeMap<String, u64>,
    /// Processes that ended though nobody killed them; they were started again, as a supervisor would.
    pub fell: Vec<String>,
    /// Of each channel, how many deliveries were in a worker's hands when something was killed, summed over the kills.
    pub in_flight: BTreeMap<Channel, u64>,
}

impl Machines {
    pub fn new(stack: Stack, hub: Hub) -> Self {
        let in_flight = Channel::BY_ADDRESS.into_iter().map(|channel| (channel, 0)).collect();
        let (planned, acts, memory_kib) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { stack, hub, disk: None, planned, acts, memory_kib, fell: Vec::new(), in_flight }
    }

    pub fn count_more(&mut self, act: impl Into<String>, times: u64) {
        if times > 0 {
            *self.acts.entry(act.into()).or_default() += times;
        }
    }

    pub async fn perform(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::Kill { name, down } => self.kill_service(name, *down).await,
            Act::Freeze { name } => {
                self.note_in_flight(channel_of(name)).await;
                self.hub.process(name)?.freeze()
            }
            Act::Thaw { name } => self.hub.process(name)?.thaw(),
            Act::Restart { name } => self.hub.process(name)?.restart().await,
            Act::KillBroker { down } => {
                self.note_in_flight(None).await;
                let nats = self.stack.nats().context("no nats-server of our own")?;
                crash(nats, *down).await
            }
            Act::LoseStreams => self.stack.lose_streams().await,
            Act::KillDatabase { down } => {
                self.note_in_flight(None).await;
                let postgres = self.stack.postgres().context("no PostgreSQL of our own")?;
                crash(postgres, *down).await
            }
            Act::FillDisk { time } => self.fill_disk(*time).await,
        }
        .with_context(|| act.label())?;
        self.count_more(act.label(), 1);
        Ok(())
    }

    /// Moves the servers' data to a small disk; false where that isn't allowed.
    pub async fn use_small_disk(&mut self) -> Result<bool> {
        self.disk = self.stack.move_to_small_disk(SMALL_DISK_MIB).await?;
        Ok(self.disk.is_some())
    }

    /// What the servers do when nothing can be written, and afterwards what a supervisor does: nats-server closes its streams until it is
    /// started again, and PostgreSQL may have ended.
    async fn fill_disk(&mut self, time: Duration) -> Result<()> {
        self.note_in_flight(None).await;
        let disk = self.disk.as_ref().context("no small disk")?;
        disk.fill()?;
        tokio::time::sleep(time).await;
        disk.free()?;
        for server in self.stack.processes() {
            server.kill9_with_children().await?;
            server.restart().await?;
        }
        Ok(())
    }

    async fn kill_service(&mut self, name: &str, down: Duration) -> Result<()> {
        self.measure();
        if let Some(channel) = channel_of(name) {
            // Frozen first, so that what it holds can be counted as it is at its death.
            self.hub.process(name)?.freeze()?;
            tokio::time::sleep(ARRIVED).await;
            self.note_in_flight(Some(channel)).await;
        }
        crash(self.hub.process(name)?, down).await
    }

    /// Adds what the workers of a channel (None: of all) hold at this moment. It can be more than the killed one holds, never less;
    /// but none when the database doesn't answer, which makes the check that reads it only stricter.
    async fn note_in_flight(&mut self, channel: Option<Channel>) {
        for channel in Channel::BY_ADDRESS.into_iter().filter(|each| channel.is_none_or(|only| only == *each)) {
            let held = self.held(channel).await.unwrap_or_default();
            *self.in_flight.entry(channel).or_default() += held;
        }
    }

    async fn held(&self, channel: Channel) -> Result<u64> {
        let db = Db::connect(&self.stack.database_url, Role::Owner, 1).await?;
        let mut connection = db.acquire().await?;
        // A SELECT "touches" the rows that it gives.
        Ok(raw(&mut connection, &format!("SELECT FROM send.delivery WHERE state = 'sending' AND channel = '{channel}'")).await?)
    }

    /// Lets time pass until `until`; meanwhile looks after the processes.
    pub async fn keep_until(&mut self, until: Instant) -> Result<()> {
        loop {
            self.look_after().await?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }

    async fn look_after(&mut self) -> Result<()> {
        self.measure();
        for ended in self.hub.ended()? {
            self.fell.push(ended.message);
            self.hub.process(&ended.name)?.restart().await?;
        }
        Ok(())
    }

    fn measure(&mut self) {
        let names: Vec<_> = self.hub.names().map(str::to_owned).collect();
        for name in names {
            let Ok(process) = self.hub.process(&name) else { continue };
            let Some(kib) = process.peak_memory_kib() else { continue };
            let most = self.memory_kib.entry(name).or_default();
            *most = kib.max(*most);
        }
        if let Some(kib) = self.stack.nats().and_then(|nats| nats.peak_memory_kib()) {
            let most = self.memory_kib.entry("nats-server".to_owned()).or_default();
            *most = kib.max(*most);
        }
    }
}

/// Kills it and its children, and starts it again after a while.
async fn crash(process: &mut Process, down: Duration) -> Result<()> {
    process.kill9_with_children().await?;
    tokio::time::sleep(down).await;
    process.restart().await
}

/// The channel of a dispatcher, by the name of its process.
pub fn channel_of(name: &str) -> Option<Channel> {
    name.strip_prefix("dispatcher-")?.split('-').next()?.parse().ok()
}
