//! The whole hub as processes: the sandbox, webhook-ingest, campaign-api, scheduler, analytics and a dispatcher a channel.
//!
//! They are the programs that were built beside this one, started as production starts them: by environment alone. Each
//! keeps its port over a restart, so that what points at it goes on to work. What is in the hub (a workspace, senders, the
//! sandbox's configuration) is the caller's business, through its API.

mod addresses;

pub use addresses::Addresses;

use crate::{
    dirs,
    ports::free_port,
    process::{Process, Ready, Spec},
    secrets::{Secrets, TokenRole},
    state::StateDir,
};
use anyhow::{Context, Result, bail};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The channels that can have a dispatcher.
pub const CHANNELS: [&str; 5] = ["email", "sms", "whatsapp", "push", "social"];
const SANDBOX: &str = "sandbox";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const POLL: Duration = Duration::from_millis(100);

/// How to start a hub.
#[derive(Debug, Clone)]
pub struct HubOptions {
    pub database_url: String,
    pub nats_url: String,
    /// Keeps hubs apart that share a nats-server.
    pub subject_prefix: String,
    /// The folder of the programs.
    pub bin_dir: PathBuf,
    /// Those that have one.
    pub channels: Vec<&'static str>,
    /// Dispatchers for each of them.
    pub dispatchers: usize,
    pub schedulers: usize,
    /// Added to every service's environment.
    pub env: Vec<(String, String)>,
}

impl HubOptions {
    /// One dispatcher for each of the channels, one scheduler, and the programs built beside the running one.
    ///
    /// # Errors
    /// When the running program's path can't be found out.
    pub fn new(database_url: impl Into<String>, nats_url: impl Into<String>) -> Result<Self> {
        Ok(Self {
            database_url: database_url.into(),
            nats_url: nats_url.into(),
            subject_prefix: "fanfare".to_owned(),
            bin_dir: dirs::bin_dir()?,
            channels: CHANNELS.to_vec(),
            dispatchers: 1,
            schedulers: 1,
            env: Vec::new(),
        })
    }
}

/// A running hub. Dropping it stops its processes without waiting; [`Hub::stop`] waits.
#[derive(Debug)]
pub struct Hub {
    pub secrets: Secrets,
    pub addresses: Addresses,
    processes: BTreeMap<String, Process>,
}

/// A process that ended by itself.
#[derive(Debug, Clone)]
pub struct Ended {
    pub name: String,
    /// How, and what it said last.
    pub message: String,
}

impl Hub {
    /// Starts all of it and waits until every process is ready. Logs are `logs/<name>.log` in the state folder.
    ///
    /// # Errors
    /// When a program isn't built, or one doesn't become ready: the message ends with the last lines of its log.
    pub async fn start(state: &StateDir, options: &HubOptions) -> Result<Self> {
        let secrets = Secrets::load_or_generate(state.path())?;
        let addresses = Addresses::choose()?;
        let setup = Setup { state, options, addresses: &addresses, common: common_env(state, options, &secrets, &addresses)? };
        let processes = start_all(state, setup.specs()?).await?;
        Ok(Self { secrets, addresses, processes })
    }

    /// A bearer token for this hub.
    ///
    /// # Errors
    /// When the key is damaged.
    pub fn mint_token(&self, role: TokenRole, workspace: Uuid, lifetime: Duration) -> Result<String> {
        self.secrets.mint_token(role, workspace, OffsetDateTime::now_utc(), lifetime)
    }

    /// The names of its processes: `sandbox`, `campaign-api`, `dispatcher-sms`, and `dispatcher-sms-2` for a second one; likewise
    /// `scheduler-2`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.processes.keys().map(String::as_str)
    }

    /// One of its processes, to stop, kill, freeze or restart it.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn process(&mut self, name: &str) -> Result<&mut Process> {
        self.processes.get_mut(name).with_context(|| format!("the hub has no process {name}"))
    }

    /// Waits until one of its processes ends that nobody stopped, and says which, how, and what it said last.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub async fn failed(&mut self) -> Result<String> {
        loop {
            if let Some(Ended { message, .. }) = self.ended()?.into_iter().next() {
                return Ok(message);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Those of its processes that have ended since the last question though nobody stopped them.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn ended(&mut self) -> Result<Vec<Ended>> {
        let mut ended = Vec::new();
        for process in self.processes.values_mut() {
            if let Some(status) = process.exited()? {
                let (name, log) = (process.name().to_owned(), process.log().display());
                let message = format!("{name} ended ({status}). The end of {log}:\n{}", process.log_tail());
                ended.push(Ended { name, message });
            }
        }
        Ok(ended)
    }

    /// Stops the services, all at once, then the sandbox, and waits.
    ///
    /// # Errors
    /// When one can't be stopped; the others are stopped all the same.
    pub async fn stop(mut self) -> Result<()> {
        let sandbox = self.processes.remove(SANDBOX);
        let services = stop_all(self.processes.into_values()).await;
        services.and(stop_all(sandbox.into_iter()).await)
    }
}

async fn start_all(state: &StateDir, specs: Vec<Spec>) -> Result<BTreeMap<String, Process>> {
    let mut starts = Vec::new();
    for spec in specs {
        starts.push(Process::spawned(state, spec)?);
    }
    let mut processes = BTreeMap::new();
    for mut process in starts {
        process.ready().await?;
        processes.insert(process.name().to_owned(), process);
    }
    Ok(processes)
}

async fn stop_all(processes: impl Iterator<Item = Process>) -> Result<()> {
    let mut stops = JoinSet::new();
    for mut process in processes {
        stops.spawn(async move { process.stop().await });
    }
    let results = stops.join_all().await;
    results.into_iter().collect()
}

/// What every service is told.
fn common_env(state: &StateDir, options: &HubOptions, secrets: &Secrets, addresses: &Addresses) -> Result<Vec<(String, String)>> {
    let key = state.path().join("jwt-public.pem");
    dirs::write_private(&key, secrets.jwt_public_key_pem.as_bytes())?;
    let key = key.to_str().context("the state folder's path isn't UTF-8")?;
    let internal = secrets.mint_token(TokenRole::Internal, Uuid::nil(), OffsetDateTime::now_utc(), YEAR)?;
    let own = [
        ("DATABASE_URL", options.database_url.as_str()),
        ("NATS_URL", &options.nats_url),
        ("FANFARE_SUBJECT_PREFIX", &options.subject_prefix),
        ("FANFARE_JWT_PUBLIC_KEY", key),
        ("FANFARE_KEK", &secrets.kek),
        ("FANFARE_LINK_KEY", &secrets.link_key),
        ("FANFARE_PUBLIC_URL", &addresses.webhook_ingest),
        ("FANFARE_API_URL", &addresses.campaign_api),
        ("FANFARE_SCHEDULER_URL", &addresses.scheduler),
        ("FANFARE_INTERNAL_TOKEN", &internal),
        // The sandbox is on this machine.
        ("FANFARE_PRIVATE_NETWORKS", "allow"),
    ];
    Ok(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(options.env.iter().cloned()).collect())
}

struct Setup<'a> {
    state: &'a StateDir,
    options: &'a HubOptions,
    addresses: &'a Addresses,
    common: Vec<(String, String)>,
}

impl Setup<'_> {
    fn specs(&self) -> Result<Vec<Spec>> {
        let to = self.addresses;
        let mut specs = vec![
            self.sandbox()?,
            self.ingest()?,
            self.service("scheduler", "scheduler", &to.scheduler)?,
            self.service("analytics", "analytics", &to.analytics)?,
            self.service("campaign-api", "campaign-api", &to.campaign_api)?,
        ];
        for number in 2..=self.options.schedulers {
            specs.push(self.service(&numbered("scheduler", number), "scheduler", &any_address()?)?);
        }
        for channel in &self.options.channels {
            for number in 1..=self.options.dispatchers {
                let name = numbered(&format!("dispatcher-{channel}"), number);
                specs.push(self.service(&name, "dispatcher", &any_address()?)?.args(["--channel", channel]));
            }
        }
        Ok(specs)
    }

    fn ingest(&self) -> Result<Spec> {
        let mut spec = self.service("webhook-ingest", "webhook-ingest", &self.addresses.webhook_ingest)?;
        spec.env.push(("FANFARE_BOUNCE_LISTEN".to_owned(), format!("127.0.0.1:{}", self.addresses.bounce_port)));
        Ok(spec)
    }

    fn service(&self, name: &str, program: &str, address: &str) -> Result<Spec> {
        let mut spec = self.spec(name, program)?;
        let listen = address.trim_start_matches("http://").to_owned();
        let ports = self.ports_file(name);
        let ports = ports.to_str().context("the state folder's path isn't UTF-8")?.to_owned();
        spec.env = self.common.clone();
        spec.env.extend([("FANFARE_LISTEN".to_owned(), listen), ("FANFARE_PORTS_FILE".to_owned(), ports)]);
        Ok(spec)
    }

    fn sandbox(&self) -> Result<Spec> {
        let listen = self.addresses.sandbox.trim_start_matches("http://");
        let smtp = format!("127.0.0.1:{}", self.addresses.sandbox_smtp_port);
        let mut spec = self.spec(SANDBOX, SANDBOX)?.args(["--listen", listen, "--smtp-listen", &smtp]);
        spec = spec.args(["--state-dir".into(), self.state.path().join(SANDBOX).into_os_string()]);
        spec = spec.args(["--ports-file".into(), self.ports_file(SANDBOX).into_os_string()]);
        dirs::create_dir(&self.state.path().join(SANDBOX))?;
        Ok(spec)
    }

    fn spec(&self, name: &str, program: &str) -> Result<Spec> {
        let path = self.options.bin_dir.join(program);
        if !path.is_file() {
            bail!("{} is not built: `cargo build --workspace --bins` builds it", path.display());
        }
        Ok(Spec::new(name, path, Ready::PortsFile(self.ports_file(name))))
    }

    fn ports_file(&self, name: &str) -> PathBuf {
        self.state.run_dir().join(format!("{name}.ports"))
    }
}

fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}-{number}") }
}

/// For what nobody has to find.
fn any_address() -> Result<String> {
    Ok(format!("http://127.0.0.1:{}", free_port()?))
}

#[cfg(test)]
mod tests;
