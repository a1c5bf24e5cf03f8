//! What a dispatcher is told as it starts.

use domain::Channel;
use runtime::config;
use std::time::Duration;

/// What a worker that was declared dead may still have under way: the deadline of a call, and some more.
const AFTER_LEASE_SECONDS: u64 = 10;
/// Acting on a notice may need two of the half that isn't the gates'.
const FEWEST_CONNECTIONS: u32 = 4;

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
    /// The channel to work for: email, sms, whatsapp, push or social.
    #[arg(long, env = "FANFARE_CHANNEL")]
    pub channel: Channel,
    /// Jobs under way at once. Jobs that wait for a slow sender's pace count too; they hold neither messages nor connections.
    #[arg(long, env = "FANFARE_JOBS", default_value_t = 256)]
    pub jobs: usize,
    /// Deliveries that pass the gate together, and calls to a provider at once for each job.
    #[arg(long, env = "FANFARE_SUB_BATCH", default_value_t = 64)]
    pub sub_batch: u32,
    /// Messages in memory at once, from the gate to the record. One sender takes a quarter of them at most.
    #[arg(long, env = "FANFARE_IN_FLIGHT", default_value_t = 2_048)]
    pub in_flight: usize,
    /// Connections to the database: half of them for the gates of bulk, which wait for one another's locks, the others for what must go
    /// on meanwhile, such as recording what has left. Five more are for the gates of the fast lane and the heartbeat.
    #[arg(long, env = "FANFARE_CONNECTIONS", default_value_t = 24)]
    pub connections: u32,
    /// Seconds after which a dispatcher that isn't seen any more is dead, and what it holds is uncertain.
    #[arg(long, env = "FANFARE_LEASE", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=300))]
    pub lease: u64,
    /// Seconds after which what is uncertain is asked about, or sent again where the provider drops a second one. At least 10 more
    /// than the lease.
    #[arg(long, env = "FANFARE_SETTLE_AFTER", default_value_t = 60)]
    pub settle_after: u64,
    /// Seconds after which what is still uncertain is unknown, and left to a person.
    #[arg(long, env = "FANFARE_UNKNOWN_AFTER", default_value_t = 24 * 3600)]
    pub unknown_after: u64,
}

impl Config {
    /// The defaults, for tests and benches.
    #[must_use]
    pub fn local(common: config::Common, kek: config::Kek, links: config::Links, channel: Channel) -> Self {
        Self {
            common,
            kek,
            links,
            channel,
            jobs: 256,
            sub_batch: 64,
            in_flight: 2_048,
            connections: 24,
            lease: 15,
            settle_after: 60,
            unknown_after: 24 * 3600,
        }
    }

    /// Connections that the gates of bulk may hold.
    pub(crate) fn gate_connections(&self) -> u32 {
        self.connections.max(FEWEST_CONNECTIONS) / 2
    }

    /// Connections for all but gates and the heartbeat.
    pub(crate) fn other_connections(&self) -> u32 {
        self.connections.max(FEWEST_CONNECTIONS) - self.gate_connections()
    }

    pub(crate) const fn lease(&self) -> Duration {
        Duration::from_secs(self.lease)
    }

    /// # Errors
    /// When it is so short that a worker that was only slow might still be sending.
    pub(crate) fn settle_after(&self) -> anyhow::Result<Duration> {
        let least = self.lease + AFTER_LEASE_SECONDS;
        anyhow::ensure!(self.settle_after >= least, "FANFARE_SETTLE_AFTER must be at least {least}: 10 more than FANFARE_LEASE");
        Ok(Duration::from_secs(self.settle_after))
    }

    pub(crate) const fn unknown_after(&self) -> Duration {
        Duration::from_secs(self.unknown_after)
    }
}
