//! Starts the dispatcher of one channel as a process.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = dispatcher::Config::parse();
    let common = config.common.clone();
    runtime::launch("dispatcher", &common, |shutdown| dispatcher::run(config, shutdown)).await
}
