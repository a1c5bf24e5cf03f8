//! Starts scheduler as a process.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = scheduler::Config::parse();
    let common = config.common.clone();
    runtime::launch("scheduler", &common, |shutdown| scheduler::run(config, shutdown)).await
}
