//! `make chaos`: kills, freezes and starves everything while campaigns are being sent, and compares what the hub says with what arrived.
//!
//! The sandbox's log, synced before a sender hears *accepted*, is the oracle. Each scenario has servers and a hub of its own and plays
//! acts drawn from a seed ([`monkey`]) against a campaign; what must hold afterwards is in [`verdict`]. Start at [`scenario`]. Everything
//! listens on loopback only, ends by itself, and only processes that were started here are ever signalled.
#![expect(clippy::print_stdout, reason = "progress and verdict are this program's output")]

mod canary;
mod evidence;
mod machines;
mod monkey;
mod options;
mod oracle;
mod report;
mod scenario;
mod stage;
mod verdict;
mod watch;

use clap::Parser as _;
use futures::{StreamExt, stream};
use options::Options;
use report::{Outcome, Report};
use scenario::{Brief, SCENARIOS, Scenario};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    runtime::install_crypto();
    let options = Options::parse();
    if options.list {
        for scenario in SCENARIOS {
            println!("{:<10} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let seed = options.seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
    let report = tokio::select! {
        report = play(&options, seed) => report,
        stopped = cli::hub::interrupted() => {
            // What was started stops with the values that are dropped here.
            stopped?;
            return Ok(ExitCode::from(130));
        }
    };
    println!("\n{}", report.table());
    let files = report.write(options.report()?.as_path())?;
    println!("report: {files}");
    if report.holds() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("FAILED. The same acts again: {}", options.again(seed));
    Ok(ExitCode::FAILURE)
}

async fn play(options: &Options, seed: u64) -> Report {
    let chosen = options.chosen();
    let length = if options.is_long() { "long" } else { "short" };
    println!("chaos: {length} run of {} scenarios, seed {seed}, at most {} min", chosen.len(), options.minutes());
    let started = Instant::now();
    let deadline = started + Duration::from_secs(60 * options.minutes());
    let (alone, together): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|scenario| scenario.needs_the_machine());
    let one = |scenario| play_one(scenario, options, seed, started, deadline);
    let mut outcomes: Vec<_> = stream::iter(together).map(one).buffer_unordered(options.at_once()).collect().await;
    for scenario in alone {
        outcomes.push(one(scenario).await);
    }
    Report::new(options, seed, started.elapsed(), outcomes)
}

async fn play_one(scenario: &'static Scenario, options: &Options, seed: u64, started: Instant, deadline: Instant) -> Outcome {
    let brief = Brief::new(scenario.name, options, seed, started, deadline);
    let began = Instant::now();
    let left = deadline.saturating_duration_since(began);
    brief.say("starts");
    let mut outcome = match tokio::time::timeout(left, (scenario.play)(brief.clone())).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::broken(scenario.name, format!("{error:#}")),
        Err(_) => Outcome::broken(scenario.name, "the time for the whole run was over".to_owned()),
    };
    outcome.seconds = began.elapsed().as_secs_f64();
    brief.say(&outcome.line());
    for fault in outcome.faults() {
        brief.say(&format!("  FAULT {fault}"));
    }
    outcome
}
