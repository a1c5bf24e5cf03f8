//! Starts analytics as a process.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = analytics::Config::parse();
    let common = config.common.clone();
    runtime::launch("analytics", &common, |shutdown| analytics::run(config, shutdown)).await
}
