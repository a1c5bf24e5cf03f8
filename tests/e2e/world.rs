//! One hub a scenario, on servers that all scenarios share.

use crate::Desk;
use anyhow::Result;
use cli::{hub::Place, output::Output};
use devstack::{Hub, HubOptions, Secrets, StateDir, TestDatabase, TestServers, test_database};
use domain::Channel;
use serde_json::Value;
use std::{
    ops::{Deref, DerefMut},
    path::Path,
    time::Duration,
};
use store::{Db, Role, admin::raw};

/// Longer than any scenario takes that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// A hub with a workspace that is ready to send; what a person does with it is [`Desk`]'s.
pub struct World {
    pub hub: Hub,
    pub state: StateDir,
    desk: Desk,
    database: TestDatabase,
}

impl World {
    /// Starts a hub with the channels that need nothing but an address; `behaviour` is the sandbox's.
    ///
    /// # Errors
    /// When something doesn't start.
    pub async fn start(behaviour: Value) -> Result<Self> {
        Self::start_on(&Channel::BY_ADDRESS, behaviour).await
    }

    /// Starts a hub with dispatchers for these channels.
    ///
    /// # Errors
    /// When something doesn't start.
    pub async fn start_on(channels: &[Channel], behaviour: Value) -> Result<Self> {
        runtime::install_crypto();
        let servers = TestServers::shared().await?;
        let database = test_database().await?;
        let state = StateDir::scratch(&devstack::dirs::state_dir()?).await?;
        let mut options = HubOptions::new(&database.url, &servers.nats_url)?;
        options.subject_prefix = devstack::subject_prefix();
        options.channels = channels.iter().map(|channel| channel.as_str()).collect();
        let hub = Hub::start(&state, &options).await?;
        let desk = Desk::open(&hub, state.path(), &behaviour).await?;
        Ok(Self { hub, state, desk, database })
    }

    /// Runs a statement on the hub's database, as its owner; answers how many rows it found or touched.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sql(&self, statement: &str) -> Result<u64> {
        let db = Db::connect(&self.database.url, Role::Owner, 1).await?;
        let mut connection = db.acquire().await?;
        Ok(raw(&mut connection, statement).await?)
    }
}

impl Deref for World {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

impl Desk {
    /// Makes a workspace in a hub that runs, with its senders and a sandbox that knows their accounts and has that `behaviour`.
    ///
    /// # Errors
    /// When the hub or the sandbox refuses.
    pub async fn open(hub: &Hub, folder: &Path, behaviour: &Value) -> Result<Self> {
        let place = Place { state_dir: folder.to_owned(), addresses: hub.addresses.clone(), secrets: hub.secrets.clone() };
        let workspace = place.create_workspace("Scenario", Output::new(true)).await?;
        let seeded = place.seed(workspace, &Secrets::generate()?, behaviour, Output::new(true)).await?;
        Ok(Self { seeded, patience: PATIENCE, folder: folder.to_owned() })
    }
}
