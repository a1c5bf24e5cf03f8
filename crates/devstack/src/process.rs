//! A child process that is supervised: started until it is ready, stopped in order, killed on request, never left behind.
//!
//! A watchdog (see [`crate::watched`]) stops each child when this process ends, even by `kill -9`. Dropping a [`Process`]
//! does the same, so an early return can't leak one. A record of the child is kept as `run/<name>.pid`, by which the next
//! start waits for those that are still on their way out.
//! Children have process groups of their own: a Ctrl-C in the terminal reaches this process only, which stops them in order.

use crate::{dirs, identity::Identity, state::StateDir, watched::Watched};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL_LINES: usize = 20;

/// What to start and how to treat it.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Names its log and its record; unique in a state folder.
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Added to this process's environment, from which settings meant for the hub or PostgreSQL are taken out first.
    pub env: Vec<(String, String)>,
    /// User and group to run as, when not as this process's own.
    pub user: Option<(u32, u32)>,
    pub ready: Ready,
    pub ready_within: Duration,
    /// What asks it to stop.
    pub stop_signal: Signal,
    /// How long it may take to stop before it is killed.
    pub grace: Duration,
    /// Starts tried before giving up when it ends before it is ready.
    pub attempts: u32,
}

impl Spec {
    /// A program that is ready within 30 s and that stops on SIGTERM within 20 s.
    #[must_use]
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, ready: Ready) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            ready,
            ready_within: Duration::from_secs(30),
            stop_signal: Signal::SIGTERM,
            grace: Duration::from_secs(20),
            attempts: 1,
        }
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// How a child shows that it is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// It writes this file, with JSON in it.
    PortsFile(PathBuf),
    /// It is PostgreSQL: line 1 of this file is its process id and line 8 says `ready`.
    Postmaster(PathBuf),
    /// It listens on this port of 127.0.0.1.
    Listening(u16),
}

impl Ready {
    fn is_met(&self, pid: u32) -> bool {
        match self {
            Self::PortsFile(path) => fs::read(path).is_ok_and(|json| serde_json::from_slice::<serde_json::Value>(&json).is_ok()),
            Self::Postmaster(path) => fs::read_to_string(path).is_ok_and(|text| {
                let mut lines = text.lines().map(str::trim);
                lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
            }),
            Self::Listening(port) => TcpStream::connect_timeout(&([127, 0, 0, 1], *port).into(), Duration::from_millis(200)).is_ok(),
        }
    }

    /// Removes a sign of readiness that an earlier start left.
    fn clear(&self) -> std::io::Result<()> {
        match self {
            Self::PortsFile(path) => match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Self::Postmaster(_) | Self::Listening(_) => Ok(()),
        }
    }
}

/// A supervised child.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    log: PathBuf,
    record: PathBuf,
    running: Option<Watched>,
}

impl Process {
    /// Starts it with an empty log and waits until it is ready.
    ///
    /// # Errors
    /// When it can't be started, ends early or isn't ready in time: the message ends with the last lines of its log.
    pub async fn start(state: &StateDir, spec: Spec) -> Result<Self> {
        let mut process = Self::spawned(state, spec)?;
        process.ready().await?;
        Ok(process)
    }

    /// Starts it without waiting, so that several can start at once; [`Process::ready`] waits.
    pub(crate) fn spawned(state: &StateDir, spec: Spec) -> Result<Self> {
        let log = state.logs_dir().join(format!("{}.log", spec.name));
        let record = state.run_dir().join(format!("{}.pid", spec.name));
        File::create(&log).with_context(|| format!("{} can't be written", log.display()))?;
        let mut process = Self { spec, log, record, running: None };
        process.spawn()?;
        Ok(process)
    }

    /// Waits until it is ready; starts it again, as often as its spec allows, when it ends instead.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.spec.ready_within;
        for attempt in 1.. {
            match self.becomes_ready(deadline).await? {
                None => break,
                Some(_) if attempt < self.spec.attempts => {
                    tokio::time::sleep(10 * POLL).await;
                    self.spawn()?;
                }
                Some(status) => bail!("{} ended before it was ready ({status}). {}", self.spec.name, self.log_for_errors()),
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The id of the program itself while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Watched::pid)
    }

    /// Whether it has ended by itself, and how.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let Some(running) = &mut self.running else { return Ok(None) };
        let status = running.try_wait()?;
        if status.is_some() {
            self.forget();
        }
        Ok(status)
    }

    /// Asks it to stop and waits; kills it when its grace is over. Harmless when it doesn't run.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn stop(&mut self) -> Result<()> {
        if self.running.is_none() {
            return Ok(());
        }
        self.signal(self.spec.stop_signal)?;
        if !self.ends_within(self.spec.grace).await? {
            tracing::warn!(process = self.spec.name, grace_s = self.spec.grace.as_secs(), "did not stop in time: killed");
            self.signal(Signal::SIGKILL)?;
            self.ends_within(self.spec.grace).await?;
        }
        self.forget();
        Ok(())
    }

    /// Ends it as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn kill9(&mut self) -> Result<()> {
        if self.running.is_some() {
            self.signal(Signal::SIGKILL)?;
            self.ends_within(self.spec.grace).await?;
            self.forget();
        }
        Ok(())
    }

    /// Ends it and its own children as a loss of power would: none of them gets to act on another's end.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn kill9_with_children(&mut self) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        // Held still it starts no new child, and a child's id stays its own, since nobody else would reap it.
        self.freeze()?;
        for child in children(pid) {
            if let Err(error) = signal::kill(Pid::from_raw(child), Signal::SIGKILL) {
                tracing::debug!(process = self.spec.name, child, %error, "a child had gone already");
            }
        }
        self.kill9().await
    }

    /// Stops it in the middle of whatever it does, until [`Process::thaw`].
    ///
    /// # Errors
    /// When it doesn't run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it doesn't run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// The most memory that it has held so far, in KiB; None when it doesn't run or the system doesn't tell (proc(5): VmHWM).
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
    }

    /// Starts it again as it was, after stopping it if it runs. Its log goes on.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.spawn()?;
        self.ready().await
    }

    /// Sends it a signal, such as SIGSTOP to freeze it and SIGCONT to let it go on.
    ///
    /// # Errors
    /// When it doesn't run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().with_context(|| format!("{} is not running", self.spec.name))?;
        signal::kill(Pid::from_raw(i32::try_from(pid)?), signal).with_context(|| format!("{signal} can't be sent to {}", self.spec.name))
    }

    /// The last lines of its log, for a message to a person.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    fn spawn(&mut self) -> Result<()> {
        self.spec.ready.clear().with_context(|| format!("the ports file of {} can't be removed", self.spec.name))?;
        let log = File::options().append(true).open(&self.log).with_context(|| format!("{} can't be written", self.log.display()))?;
        let mut command = Watched::command(&self.spec.program, &self.spec.args, self.spec.stop_signal);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_for_others(name)) {
            command.env_remove(name);
        }
        command.stdout(log.try_clone()?).stderr(log).envs(self.spec.env.iter().map(|(name, value)| (name, value)));
        if let Some((user, group)) = self.spec.user {
            command.uid(user).gid(group).current_dir("/");
        }
        let running = Watched::spawn(&mut command).with_context(|| format!("{} can't be started", self.spec.name))?;
        let identity = Identity::of(running.pid());
        self.running = Some(running);
        if let Some(identity) = identity {
            dirs::write_private(&self.record, &serde_json::to_vec(&identity)?)?;
        }
        Ok(())
    }

    /// Waits for readiness; gives the status if it ended instead.
    async fn becomes_ready(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.exited()? {
                return Ok(Some(status));
            }
            if self.pid().is_some_and(|pid| self.spec.ready.is_met(pid)) {
                return Ok(None);
            }
            if Instant::now() > deadline {
                self.kill9().await?;
                bail!("{} was not ready within {} s. {}", self.spec.name, self.spec.ready_within.as_secs(), self.log_for_errors());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn log_for_errors(&self) -> String {
        format!("The end of {}:\n{}", self.log.display(), self.log_tail())
    }

    async fn ends_within(&mut self, limit: Duration) -> Result<bool> {
        let Some(running) = &mut self.running else { return Ok(true) };
        match tokio::time::timeout(limit, running.wait()).await {
            Ok(status) => status.map(|_| true).with_context(|| format!("{} can't be waited for", self.spec.name)),
            Err(_) => Ok(false),
        }
    }

    /// Called once it has ended: nobody may signal its process id any more.
    fn forget(&mut self) {
        if let Some(running) = self.running.take() {
            running.release();
        }
        if let Err(error) = fs::remove_file(&self.record) {
            tracing::debug!(record = %self.record.display(), %error, "no record to remove");
        }
    }
}

/// The ids of a process's children, where the system tells (proc_pid_stat(5): the fourth field is the parent's id).
fn children(parent: u32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The second field is the program's name in brackets, which may hold anything.
        let parent_id = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parent_id == Some(parent)
    })
    .collect()
}

/// Settings of this process that a child must not take for its own.
fn is_for_others(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("FANFARE_") || name.starts_with("PG") || name == "DATABASE_URL" || name == "NATS_URL"
}

#[cfg(test)]
mod tests;
