//! What every service stands on: configuration pieces, telemetry, authentication, the gRPC and HTTP server, shutdown,
//! errors on the wire, sealed secrets.
//!
//! No rule of the business lives here, and nothing here knows a campaign. Start reading at [`launch`], which is a
//! service's whole `main`, and at [`Server`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod auth;
pub mod client;
pub mod config;
pub mod metrics;
pub mod seal;
pub mod server;
pub mod shutdown;
pub mod status;
pub mod telemetry;
pub mod traceparent;

pub use auth::{Authenticator, Caller};
pub use server::{Peer, Server};
pub use shutdown::Shutdown;

use std::process::ExitCode;
use telemetry::Telemetry;

/// Chooses ring as the one TLS provider of the process; later calls do nothing.
pub fn install_crypto() {
    // An error only says that a provider is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Makes a panic, in whatever task, end the process at once. A task that is gone while its process lives on would hold what it has
/// claimed for ever; a process that is gone loses its lease, and others settle what it held. The message may hold an address, so only
/// the place is logged.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked: the process ends");
        std::process::abort();
    }));
}

/// Prepares the process: TLS provider, logs, traces and metrics. To be called inside the tokio runtime, first thing.
///
/// # Errors
/// When the log filter or the OTLP endpoint can't be read, or when logs are set up already.
pub fn init_process(service: &'static str, config: &config::Common) -> anyhow::Result<Telemetry> {
    install_crypto();
    telemetry::init(service, config)
}

/// Runs a service as a process: prepares it, runs it until it ends or a signal and the drain deadline end it, flushes
/// what telemetry holds. The error that ends it is logged here, once.
pub async fn launch<F, Fut>(service: &'static str, config: &config::Common, run: F) -> ExitCode
where
    F: FnOnce(Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let telemetry = match init_process(service, config) {
        Ok(telemetry) => telemetry,
        Err(error) => return telemetry::refuse_to_start(service, &error),
    };
    abort_on_panic();
    let outcome = match Shutdown::on_signals() {
        Ok(shutdown) => shutdown.clone().bounded(run(shutdown)).await.and_then(|done| done),
        Err(error) => Err(anyhow::Error::from(error).context("signals can't be listened to")),
    };
    let code = match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped by an error");
            ExitCode::FAILURE
        }
    };
    telemetry.shutdown().await;
    code
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::Command};

    const SIGABRT: i32 = 6;

    /// Run by the test below, in a process of its own.
    #[tokio::test]
    #[ignore = "it ends its process"]
    async fn a_task_that_panics() {
        super::abort_on_panic();
        drop(tokio::spawn(async { panic!("the task's own words") }).await);
    }

    #[test]
    fn a_panic_in_a_task_ends_the_process() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--ignored", "--exact", "tests::a_task_that_panics"]).output().unwrap();
        assert_eq!(output.status.signal(), Some(SIGABRT), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("own words"));
    }
}
