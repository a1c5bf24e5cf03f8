//! Runs a command with a throw-away PostgreSQL and nats-server: `with-servers [--migrate] -- command arguments…`.
//!
//! The command finds them in `DATABASE_URL` and `NATS_URL`; a server that the environment already points at is used as it
//! is. `--migrate` first brings the database up to what the checkout's migrations say now. Ends with the command's exit code, and takes the command along
//! when it is stopped itself. The command runs without a terminal to read from.

use anyhow::{Context, Result, bail};
use devstack::{Options, Stack, dirs, watched::Watched};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    ffi::OsString,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::{ExitCode, ExitStatus},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// How long the command may take to stop once it is told to.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            writeln!(std::io::stderr(), "with-servers: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<u8> {
    let (migrate, command) = arguments(std::env::args_os().skip(1))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let start = Stack::start(Options { migrate: false, ..Options::ephemeral()? });
    let stack = tokio::select! {
        stack = start => stack?,
        _ = interrupt.recv() => return Ok(130),
        _ = terminate.recv() => return Ok(143),
    };
    if migrate {
        store::admin::migrate_from(&stack.database_url, &dirs::checkout()?.join("migrations")).await?;
    }
    let (program, arguments) = command.split_first().context("there is no command")?;
    let mut command = Watched::command(program, arguments, Signal::SIGTERM);
    command.env("DATABASE_URL", &stack.database_url).env("NATS_URL", &stack.nats_url);
    let mut child = Watched::spawn(&mut command)?;
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = interrupt.recv() => stop(&mut child, Signal::SIGINT).await?,
        _ = terminate.recv() => stop(&mut child, Signal::SIGTERM).await?,
    };
    child.release();
    stack.stop().await?;
    Ok(exit_code(status))
}

fn arguments(mut given: impl Iterator<Item = OsString>) -> Result<(bool, Vec<OsString>)> {
    let mut migrate = false;
    for argument in given.by_ref() {
        match argument.to_str() {
            Some("--migrate") => migrate = true,
            Some("--") => return Ok((migrate, given.collect())),
            _ => break,
        }
    }
    bail!("usage: with-servers [--migrate] -- command arguments…")
}

/// Passes a signal on to the command and all that it started.
async fn stop(child: &mut Watched, signal: Signal) -> Result<ExitStatus> {
    let group = Pid::from_raw(i32::try_from(child.pid())?);
    killpg(group, signal)?;
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            killpg(group, Signal::SIGKILL)?;
            child.wait().await
        }
    }
}

/// As a shell reports it: 128 + n after signal n.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
