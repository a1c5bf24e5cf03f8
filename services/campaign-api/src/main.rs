//! Starts campaign-api as a process.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = campaign_api::Config::parse();
    let common = config.common.clone();
    runtime::launch("campaign-api", &common, |shutdown| campaign_api::run(config, shutdown)).await
}
