//! The `fanfare` program: everything is in the library.

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Fails only when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let cli = cli::args::Cli::parse();
    let json = cli.global.json;
    match cli::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::failure::report(&error, json),
    }
}
