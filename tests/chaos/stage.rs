//! The stage of one scenario: servers and a hub of its own, and a workspace that is ready to send.

use crate::{machines::Machines, watch};
use anyhow::Result;
use cli::hub::accounts;
use devstack::{Hub, HubOptions, Options, Stack};
use domain::Channel;
use e2e::Desk;
use proto::sender::UpdateSenderRequest;
use serde_json::Value;
use std::{fs, path::PathBuf};

/// How to set it.
pub struct Setup {
    pub dispatchers: usize,
    pub schedulers: usize,
    /// Added to every service's environment.
    pub env: Vec<(&'static str, String)>,
    /// The sandbox's.
    pub behaviour: Value,
}

/// Two halves, since the machines are killed while people work at the desk.
pub struct Stage {
    pub machines: Machines,
    pub desk: Desk,
}

impl Stage {
    /// Starts servers and hub.
    pub async fn start(setup: Setup) -> Result<Self> {
        let stack = Stack::start(Options::ephemeral()?.own_servers()).await?;
        let mut options = HubOptions::new(&stack.database_url, &stack.nats_url)?;
        options.channels = Channel::BY_ADDRESS.map(Channel::as_str).to_vec();
        options.dispatchers = setup.dispatchers;
        options.schedulers = setup.schedulers;
        options.env = setup.env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let hub = Hub::start(stack.state(), &options).await?;
        let desk = Desk::open(&hub, stack.state().path(), &setup.behaviour).await?;
        let machines = Machines::new(stack, hub);
        Ok(Self { machines, desk })
    }

    /// Has the SMTP server drop what it has seen before, and tells the hub, so that sending again with the same key is harmless.
    pub async fn suppress_duplicates(&self) -> Result<()> {
        watch::oracle(self)?.suppress_duplicates().await?;
        let id = self.desk.sender(accounts::SMTP)?;
        let settings = [("duplicate_suppression".to_owned(), "true".to_owned())].into();
        let request = UpdateSenderRequest { id, settings, ..UpdateSenderRequest::default() };
        self.desk.seeded.admin.senders().update_sender(request).await?;
        Ok(())
    }

    /// Copies the logs to where they stay; answers where that is.
    pub fn keep_logs(&self, scenario: &str) -> Result<PathBuf> {
        let target = devstack::dirs::state_dir()?.join("chaos-logs").join(scenario);
        devstack::dirs::create_dir(&target)?;
        for entry in fs::read_dir(self.machines.stack.state().logs_dir())? {
            let entry = entry?;
            fs::copy(entry.path(), target.join(entry.file_name()))?;
        }
        Ok(target)
    }

    /// Stops everything and waits.
    pub async fn stop(self) -> Result<()> {
        let Machines { mut stack, hub, disk, .. } = self.machines;
        let services = hub.stop().await;
        for server in stack.processes() {
            server.stop().await?;
        }
        drop(disk);
        services.and(stack.stop().await)
    }
}
