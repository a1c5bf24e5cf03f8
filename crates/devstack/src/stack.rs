//! PostgreSQL and nats-server, migrated and ready: started here, or pointed at with `DATABASE_URL` and `NATS_URL`.
//!
//! A kept stack finds its data again at the next start; a throw-away one leaves nothing. The one thing outside of the
//! state folder is PostgreSQL's data when running as root in a checkout that is closed to other users: the file `outside`
//! in the state folder names that folder, and `make clean` removes it.

use crate::{SmallDisk, dirs, nats, postgres, process::Process, state::StateDir};
use anyhow::{Context, Result};
use std::{env, path::PathBuf};

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything lives below this folder.
    pub state_dir: PathBuf,
    /// A new stack in a folder of its own, removed afterwards; any number can run at once.
    pub ephemeral: bool,
    /// Brings the database up to date.
    pub migrate: bool,
    /// A server to use instead of one of our own.
    pub database_url: Option<String>,
    /// A server to use instead of one of our own.
    pub nats_url: Option<String>,
}

impl Options {
    /// A stack that is kept, in this checkout, with what the environment points at.
    ///
    /// # Errors
    /// When the current folder can't be read.
    pub fn kept() -> Result<Self> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            state_dir: dirs::state_dir()?,
            ephemeral: false,
            migrate: true,
            database_url: set("DATABASE_URL"),
            nats_url: set("NATS_URL"),
        })
    }

    /// A throw-away stack, with what the environment points at.
    ///
    /// # Errors
    /// When the current folder can't be read.
    pub fn ephemeral() -> Result<Self> {
        Ok(Self { ephemeral: true, ..Self::kept()? })
    }

    /// Servers of its own, whatever the environment points at.
    #[must_use]
    pub fn own_servers(self) -> Self {
        Self { database_url: None, nats_url: None, ..self }
    }
}

/// The two servers. Dropping it stops what it started without waiting; [`Stack::stop`] waits.
#[derive(Debug)]
pub struct Stack {
    pub database_url: String,
    pub nats_url: String,
    // Declared before the folder, so that they are told to stop before it goes.
    postgres: Option<Process>,
    nats: Option<Process>,
    /// PostgreSQL's data, if this stack started it.
    data: Option<PathBuf>,
    state: StateDir,
}

impl Stack {
    /// Starts the servers that aren't pointed at and migrates the database.
    ///
    /// # Errors
    /// When another copy uses the state folder, a server can't be had or started, or a migration fails.
    pub async fn start(options: Options) -> Result<Self> {
        let state =
            if options.ephemeral { StateDir::scratch(&options.state_dir).await? } else { StateDir::open(&options.state_dir).await? };
        let (postgres, data, database_url) = match options.database_url {
            Some(url) => (None, None, url),
            None => {
                let started = postgres::start(&state).await?;
                if started.is_new {
                    nats::forget(&state)?;
                }
                (Some(started.process), Some(started.data), started.url)
            }
        };
        let (nats, nats_url) = match options.nats_url {
            Some(url) => (None, url),
            None => {
                let (process, url) = nats::start(&state).await?;
                (Some(process), url)
            }
        };
        if options.migrate {
            migrate(&database_url).await?;
        }
        Ok(Self { database_url, nats_url, postgres, nats, data, state })
    }

    #[must_use]
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    /// PostgreSQL, if this stack started it: to kill it and to restart it, on the same port.
    pub fn postgres(&mut self) -> Option<&mut Process> {
        self.postgres.as_mut()
    }

    /// nats-server, if this stack started it: to kill it and to restart it, on the same port.
    pub fn nats(&mut self) -> Option<&mut Process> {
        self.nats.as_mut()
    }

    /// Kills nats-server, deletes what it has stored, and starts it again: what a lost disk does.
    ///
    /// # Errors
    /// When it isn't this stack's, or doesn't come back.
    pub async fn lose_streams(&mut self) -> Result<()> {
        let store = nats::store(&self.state);
        let nats = self.nats().context("this stack did not start its nats-server")?;
        nats.kill9().await?;
        if store.exists() {
            std::fs::remove_dir_all(&store).with_context(|| format!("{} can't be removed", store.display()))?;
        }
        nats.restart().await
    }

    /// Moves the data of both servers to a disk of `mib` MiB, which must have room for it, and starts them again there; None where this
    /// user may not mount one. The disk is to be dropped after the servers are stopped.
    ///
    /// # Errors
    /// When they aren't this stack's, or don't come back.
    pub async fn move_to_small_disk(&mut self, mib: u32) -> Result<Option<SmallDisk>> {
        let data = self.data.clone().context("this stack did not start its PostgreSQL")?;
        let home = data.parent().context("PostgreSQL's data has no folder")?;
        let Some(disk) = SmallDisk::mount(home.join("small-disk"), mib).await? else { return Ok(None) };
        for process in self.processes() {
            process.stop().await?;
        }
        for folder in [data, nats::store(&self.state)] {
            disk.take(&folder).await?;
        }
        for process in self.processes() {
            process.restart().await?;
        }
        Ok(Some(disk))
    }

    /// The servers that this stack started.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        [self.postgres.as_mut(), self.nats.as_mut()].into_iter().flatten()
    }

    /// Stops what it started and waits; a throw-away folder is removed.
    ///
    /// # Errors
    /// When a server can't be stopped.
    pub async fn stop(mut self) -> Result<()> {
        for process in self.processes() {
            process.stop().await?;
        }
        Ok(())
    }
}

pub(crate) async fn migrate(database_url: &str) -> Result<()> {
    // A schema that changed before it was released has no way on.
    let what = "the database can't be brought up to date (`make clean` removes the local one, if an earlier build has left it)";
    store::admin::migrate(database_url).await.context(what)
}
