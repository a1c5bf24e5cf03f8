//! Starts webhook-ingest as a process.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = webhook_ingest::Config::parse();
    let common = config.common.clone();
    runtime::launch("webhook-ingest", &common, |shutdown| webhook_ingest::run(config, shutdown)).await
}
