//! A hub of this checkout, run by this process: the servers, the services, and what a first look needs in them.
//!
//! [`up`] runs it until Ctrl-C, [`crate::demo`] until the campaign is done. Starting and stopping is `devstack`'s work; what is
//! here speaks to the hub's API ([`seed`]) and to the sandbox's ([`sandbox`]).

pub mod accounts;
pub mod devices;
pub mod sandbox;
pub mod seed;
pub mod up;

use anyhow::{Context, Result};
use devstack::{Endpoints, Hub, HubOptions, Options, Secrets, Stack, hub::Addresses};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Origins that a page of a front end under development usually has (Vite's port).
pub const DEV_ORIGINS: [&str; 2] = ["http://localhost:5173", "http://127.0.0.1:5173"];

/// The servers and the services.
pub struct Running {
    stack: Stack,
    hub: Hub,
}

/// Where a running hub is, and its keys.
#[derive(Clone)]
pub struct Place {
    pub state_dir: PathBuf,
    pub addresses: Addresses,
    pub secrets: Secrets,
}

impl Running {
    /// Starts everything in this checkout's folder and waits until it is ready.
    ///
    /// # Errors
    /// When another copy runs in the folder, or something doesn't start.
    pub async fn start(origins: &[String]) -> Result<Self> {
        let stack = Stack::start(Options::kept()?).await?;
        // What an earlier hub wrote is not true any more.
        Endpoints::remove(stack.state().path())?;
        let mut options = HubOptions::new(&stack.database_url, &stack.nats_url)?;
        options.env.push(("FANFARE_CORS_ORIGINS".to_owned(), origins.join(",")));
        let hub = Hub::start(stack.state(), &options).await?;
        Ok(Self { stack, hub })
    }

    #[must_use]
    pub fn place(&self) -> Place {
        Place { state_dir: self.state_dir().to_owned(), addresses: self.hub.addresses.clone(), secrets: self.hub.secrets.clone() }
    }

    fn state_dir(&self) -> &Path {
        self.stack.state().path()
    }

    /// Runs `work` to its end, unless a process of the hub ends before it or somebody stops us.
    ///
    /// # Errors
    /// The work's own, or what ended it.
    pub async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        tokio::select! {
            done = work => done.map(Some),
            failed = self.hub.failed() => Err(anyhow::anyhow!("{}", failed?)),
            stopped = interrupted() => stopped.map(|()| None),
        }
    }

    /// Stops the services, then the servers. All are told, whichever fails.
    ///
    /// # Errors
    /// When something can't be stopped.
    pub async fn stop(self) -> Result<()> {
        let removed = Endpoints::remove(self.state_dir());
        let services = self.hub.stop().await.context("the services did not stop cleanly");
        let servers = self.stack.stop().await.context("the servers did not stop cleanly");
        removed.and(services).and(servers)
    }
}

/// Returns at Ctrl-C and SIGTERM.
///
/// # Errors
/// When the system doesn't let us listen.
pub async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
