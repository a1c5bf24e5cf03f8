//! Which process a number means: process ids are reused, (boot, id, start time) is not.
//!
//! Only Linux says enough (`/proc`); elsewhere nothing is recorded, and the watchdog of [`crate::process`] is alone.

use anyhow::{Context, Result, bail};
use nix::{sys::signal, unistd::Pid};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// How long a watchdog may take to stop its child (see [`crate::watched`]: 3 s, then it kills).
const WATCHDOG_DEADLINE: Duration = Duration::from_secs(5);
const KILL_DEADLINE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    boot: String,
    pid: i32,
    /// Clock ticks from boot to the start of the process.
    started: u64,
}

impl Identity {
    /// The process that has this id now; none if there is none, if it is a zombie, or if the system doesn't tell.
    pub fn of(pid: u32) -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may hold anything; proc(5) counts the state as third.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { boot, pid: i32::try_from(pid).ok()?, started })
    }

    fn is_alive(&self) -> bool {
        u32::try_from(self.pid).ok().and_then(Self::of).as_ref() == Some(self)
    }

    async fn is_gone_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

/// Waits for the children that an earlier parent left behind to be stopped by their watchdogs, and kills those that stay.
///
/// # Errors
/// When one can't be killed.
pub async fn stop_orphans(run_dir: &Path) -> Result<()> {
    let records = fs::read_dir(run_dir).with_context(|| format!("{} can't be read", run_dir.display()))?;
    for path in records.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.extension().is_some_and(|e| e == "pid"))
    {
        // A record cut short by a crash names nobody; its watchdog has done the work.
        if let Some(identity) = fs::read(&path).ok().and_then(|json| serde_json::from_slice::<Identity>(&json).ok()) {
            stop_orphan(&identity, &path).await?;
        }
        fs::remove_file(&path).with_context(|| format!("{} can't be removed", path.display()))?;
    }
    Ok(())
}

async fn stop_orphan(orphan: &Identity, record: &Path) -> Result<()> {
    if orphan.is_gone_within(WATCHDOG_DEADLINE).await {
        return Ok(());
    }
    tracing::warn!(pid = orphan.pid, "killing a process that an earlier run left behind");
    let killed = signal::kill(Pid::from_raw(orphan.pid), signal::Signal::SIGKILL);
    if !orphan.is_gone_within(KILL_DEADLINE).await {
        bail!("process {} of an earlier run ({}) does not go away: {killed:?}", orphan.pid, record.display());
    }
    Ok(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_is_gone_and_another_start_time_is_another_process() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        assert!(!Identity { started: identity.started + 1, ..identity.clone() }.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }
}
