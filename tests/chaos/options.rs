//! What can be chosen on the command line.

use crate::scenario::{SCENARIOS, Scenario};
use anyhow::Result;
use std::path::PathBuf;

/// Kills, freezes and starves a hub while it sends, and checks that nothing was sent twice, lost or counted wrongly.
///
/// Every scenario starts PostgreSQL, nats-server, the sandbox and all services on loopback, and stops them. Exits with 1 when something
/// did not hold, and says with which seed it can be repeated.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "chaos")]
pub struct Options {
    /// A few thousand deliveries and a few kills of each kind, in some three minutes: what `make test` runs (the default)
    #[arg(long, conflicts_with = "long")]
    short: bool,
    /// 100,000 deliveries, 50 kills of services, 20 of nats-server, 20 of PostgreSQL; takes about three quarters of an hour
    #[arg(long)]
    long: bool,
    /// Decides every act and its moment; drawn at random when absent. How the machine schedules the processes isn't repeated
    #[arg(long)]
    pub seed: Option<u64>,
    /// Deliveries of the largest campaign; the other scenarios scale with it [default: 3,000 short, 100,000 long]
    #[arg(long, value_parser = clap::value_parser!(u32).range(300..=1_000_000))]
    deliveries: Option<u32>,
    /// Bound of the whole run in minutes; what isn't done by then has failed [default: 6 short, 60 long]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    minutes: Option<u64>,
    /// Only this scenario; repeat for more. `--list` names them
    #[arg(long, value_name = "SCENARIO", value_parser = scenario_name)]
    only: Vec<String>,
    /// Scenarios played at once [default: 4 short, 2 long]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    at_once: Option<u8>,
    /// Where to write the report, as FILE.json and FILE.md [default: chaos in the state folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
}

fn scenario_name(text: &str) -> Result<String, String> {
    let known = SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>();
    if known.contains(&text) { Ok(text.to_owned()) } else { Err(format!("the scenarios are {}", known.join(", "))) }
}

impl Options {
    pub fn is_long(&self) -> bool {
        self.long
    }

    pub fn deliveries(&self) -> usize {
        self.deliveries.unwrap_or(if self.long { 100_000 } else { 3_000 }) as usize
    }

    pub fn minutes(&self) -> u64 {
        self.minutes.unwrap_or(if self.long { 60 } else { 6 })
    }

    pub fn at_once(&self) -> usize {
        self.at_once.unwrap_or(if self.long { 2 } else { 4 }).into()
    }

    pub fn chosen(&self) -> Vec<&'static Scenario> {
        SCENARIOS.iter().filter(|scenario| self.only.is_empty() || self.only.iter().any(|name| name == scenario.name)).collect()
    }

    pub fn report(&self) -> Result<PathBuf> {
        match &self.report {
            Some(path) => Ok(path.clone()),
            None => Ok(devstack::dirs::state_dir()?.join("chaos")),
        }
    }

    /// The command that plays the same acts again.
    pub fn again(&self, seed: u64) -> String {
        let only: String = self.only.iter().map(|name| format!(" --only {name}")).collect();
        let length = if self.long { "--long" } else { "--short" };
        let deliveries = self.deliveries.map(|count| format!(" --deliveries {count}")).unwrap_or_default();
        format!("chaos {length}{only}{deliveries} --seed {seed}")
    }
}
