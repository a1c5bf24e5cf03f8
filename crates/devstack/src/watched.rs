//! A child with a watchdog beside it: a small shell that stops the child when this process ends, even by `kill -9`.
//!
//! Both hang on a pipe whose other end this process holds: a line on it means "leave the child be", its end, which comes
//! with our death too, means "stop it".

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Write,
    process::{ExitStatus, Stdio},
};
use tokio::process::{Child, Command};

/// Starts the watchdog, then becomes the program: its process id is the program's and it is never unwatched.
/// The watchdog is nobody's child, so that the program isn't told of a child it doesn't know.
const START: &str = r#"exec 3<&0 </dev/null
watchdog=$1 stop_signal=$2
shift 2
(/bin/sh -c "$watchdog" fanfare-watchdog "$$" "$stop_signal" <&3 3<&- >/dev/null 2>&1 &)
exec 3<&-
exec "$@""#;

/// Asks the program's process group to stop, and kills what is left of it (this shell included) when the program is
/// gone, at the latest after 3 s: with its parent gone, what it would still do politely it can't do, as its servers stop too.
const WATCHDOG: &str = r#"trap '' INT TERM HUP
read -r _ && exit 0
kill -s "$2" -- "-$1"
tries=0
while kill -0 "$1" && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "-$1""#;

/// A running child. Dropping it tells the watchdog to stop the child.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    pid: u32,
    /// The end of the pipe by which the watchdog knows that we live.
    pipe: File,
}

impl Watched {
    /// The command to spawn, in a process group of its own and with nothing on its standard input.
    #[must_use]
    pub fn command(program: impl AsRef<OsStr>, args: &[OsString], stop_signal: Signal) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", START, "start", WATCHDOG]).arg(stop_signal.as_str().trim_start_matches("SIG"));
        command.arg(program).args(args).stdin(Stdio::piped()).process_group(0);
        command
    }

    /// # Errors
    /// When there can be no more processes.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command.spawn()?;
        let pid = child.id().context("it ended at once")?;
        let pipe = child.stdin.take().context("it has no standard input")?;
        Ok(Self { child, pid, pipe: File::from(pipe.into_owned_fd()?) })
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// # Errors
    /// When the system doesn't tell.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends the watchdog away once the child has ended: its process id may soon be another's.
    pub fn release(mut self) {
        if let Err(error) = self.pipe.write_all(b"\n") {
            tracing::debug!(%error, "the watchdog had gone already");
        }
    }
}
