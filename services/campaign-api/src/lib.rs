//! What people edit: workspaces, contacts, lists, templates, senders, campaigns and opt-outs, over gRPC and gRPC-web.
//!
//! It writes intent and sends nothing: the scheduler finds a scheduled campaign in the database, and a hint only makes it act
//! at once. Every transaction is fenced to the caller's workspace, and every change by a person is in the audit log.
//! Handlers are verbs under nouns: `campaign/create.rs` is CreateCampaign. Start reading at [`run`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod api_key;
mod attachment;
mod audit;
mod audit_log;
mod campaign;
mod consent;
mod contact;
mod conversation;
mod convert;
mod device;
mod inbound;
mod layout;
mod list;
mod optout;
mod provider_template;
mod scheduler_client;
mod segment;
mod sender;
mod state;
mod template;
mod topic;
mod user;
mod workspace;

use anyhow::Context as _;
use domain::link::LinkKey;
use runtime::{Authenticator, Server, Shutdown, config};
use scheduler_client::SchedulerClient;
use state::{Clock, State};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Connections to the database at most.
const POOL: u32 = 16;
/// Counts over all of a workspace's contacts at the same time at most, in one process: each takes a connection, a processor, and some
/// 200 MB for ten million contacts.
const COUNTS_AT_ONCE: usize = 4;

/// Serves gRPC and gRPC-web to frontends and the command line: workspaces, contacts, lists, templates, senders, campaigns, opt-outs.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about)]
pub struct Config {
    #[command(flatten)]
    pub common: config::Common,
    #[command(flatten)]
    pub auth: config::Auth,
    #[command(flatten)]
    pub kek: config::Kek,
    #[command(flatten)]
    pub links: config::Links,
    #[command(flatten)]
    pub internal: config::Internal,

    /// Where browsers reach this service, as https://host: networks send them back there when an account is connected; none can be without it
    #[arg(long, env = "FANFARE_API_URL")]
    pub api_url: Option<String>,
}

/// Runs the service until shutdown.
///
/// # Errors
/// When the configuration can't be used, the database or the broker can't be reached at the start, or the port is taken.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    allow_private(&config.common);
    let state = connect(&config).await?;
    let server = server(&config, &state, &shutdown)?;
    tokio::try_join!(
        server.serve(&shutdown),
        inbound::run(state.clone(), shutdown.clone()),
        sender::tasks::run(state.clone(), shutdown.clone())
    )?;
    state.bus.flush().await?;
    state.db.close().await;
    Ok(())
}

/// Once for the process: tests run several services in one.
fn allow_private(common: &config::Common) {
    if common.private_networks == config::PrivateNetworks::Allow {
        providers::public_net::allow_private(true);
    }
}

async fn connect(config: &Config) -> anyhow::Result<State> {
    let common = &config.common;
    let bus = bus::Bus::connect(&common.nats_url, &common.subject_prefix, common.nats_replicas).await.context("NATS_URL")?;
    Ok(State {
        db: store::Db::connect(&common.database_url, store::Role::Api, POOL).await.context("DATABASE_URL")?,
        bus: bus.with_sizes(common.stream_sizes()).context("FANFARE_STREAM_BYTES")?,
        kek: Arc::new(config.kek.load()?),
        public_url: config.links.public_url.trim_end_matches('/').into(),
        api_url: config.api_url.as_deref().map(|url| url.trim_end_matches('/').into()),
        links: LinkKey::from_base64(&config.links.link_key).context("FANFARE_LINK_KEY")?,
        clock: Clock::SYSTEM,
        scheduler: SchedulerClient::new(&config.internal).context("FANFARE_SCHEDULER_URL")?,
        dry_runs: Arc::new(Semaphore::new(campaign::DRY_RUNS_AT_ONCE)),
        counts: Arc::new(Semaphore::new(COUNTS_AT_ONCE)),
    })
}

fn server(config: &Config, state: &State, shutdown: &Shutdown) -> anyhow::Result<Server> {
    let (db, bus) = (state.db.clone(), state.bus.clone());
    Ok(Server::new(&config.common, Authenticator::new(&config.auth)?.with_people(db.clone()))
        .add(workspace::service(state.clone()))
        .add(user::service(state.clone()))
        .add(api_key::service(state.clone()))
        .add(audit_log::service(state.clone()))
        .add(contact::service(state.clone()))
        .add(list::service(state.clone()))
        .add(segment::service(state.clone()))
        .add(template::service(state.clone()))
        .add(layout::service(state.clone()))
        .add(provider_template::service(state.clone()))
        .add(attachment::service(state.clone()))
        .add(sender::service(state.clone()))
        .http(sender::routes(state.clone()))
        .add(campaign::service(state.clone()))
        .add(optout::service(state.clone()))
        .add(consent::service(state.clone()))
        .add(topic::service(state.clone()))
        .add(device::service(state.clone()))
        .add(conversation::service(state.clone(), shutdown.soft()))
        .ready("database", move || {
            let db = db.clone();
            async move { db.ping().await }
        })
        .ready("broker", move || {
            let bus = bus.clone();
            async move { bus.ping().await }
        }))
}
