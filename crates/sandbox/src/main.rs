//! The sandbox as a process. See the library for what it does.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use sandbox::Options;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// A stand-in for Twilio, SendGrid, Meta and an SMTP relay, for tests and first runs.
#[derive(Parser)]
struct Args {
    /// Where the providers' HTTP interfaces and the page are served. Port 0 takes a free one.
    #[arg(long, env = "SANDBOX_LISTEN", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where SMTP is served.
    #[arg(long, env = "SANDBOX_SMTP_LISTEN", default_value = "127.0.0.1:0")]
    smtp_listen: SocketAddr,
    /// Folder of the log, the outcomes and the last configuration.
    #[arg(long, env = "SANDBOX_STATE_DIR")]
    state_dir: PathBuf,
    /// Gets {"http":port,"smtp":port} once both are served.
    #[arg(long, env = "SANDBOX_PORTS_FILE")]
    ports_file: Option<PathBuf>,
    /// Let callbacks and clicks go to other machines.
    #[arg(long, env = "SANDBOX_ALLOW_REMOTE")]
    allow_remote: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Args { listen, smtp_listen, state_dir, ports_file, allow_remote } = Args::parse();
    let options = Options { listen, smtp_listen, state_dir, ports_file, allow_remote };
    let shutdown = CancellationToken::new();
    let mut running = std::pin::pin!(sandbox::run(options, shutdown.clone()));
    tokio::select! {
        ended = &mut running => return ended,
        told = told_to_stop() => told?,
    }
    shutdown.cancel();
    running.await
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
