//! webhook-ingest: the hub's public ear. It takes what providers post and what links in messages ask for.
//!
//! A provider's post is verified over its raw body, decoded by the provider's adapter, written to the outbox as facts and inbound
//! messages, and answered only after the database's commit ([`receive`], [`commit`]); the relay publishes them. What wasn't understood is
//! kept ([`unread`]). Links carry a token of ours instead of a signature ([`links`], [`conversions`]); so do those to the pages on which
//! people say what they want ([`unsubscribe`], [`preferences`], [`confirm`], in the frame of [`pages`]). Letters that come back are taken
//! by SMTP or read from mailboxes ([`bounces`]). It decides nothing: what a fact does to the figures is analytics' business, what a STOP or
//! a form does to an address campaign-api's. Without the broker it goes on taking in, as far as [`backlog`] allows.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod agent;
mod backlog;
mod bounces;
mod bounds;
mod commit;
mod confirm;
mod conversions;
mod devices;
mod form;
mod links;
mod news;
mod pages;
mod preferences;
mod problem;
mod receipts;
mod receive;
mod seal;
mod senders;
mod short_links;
mod translate;
mod unread;
mod unsubscribe;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};
use backlog::Backlog;
use bounces::{Listener, Mailboxes, Taker};
use bus::Bus;
use commit::Committer;
use domain::link::LinkKey;
use outbox::Outbox;
use runtime::{Server, Shutdown, config};
use senders::Senders;
use short_links::ShortLinks;
use std::{net::SocketAddr, sync::Arc};
use store::Db;
use time::OffsetDateTime;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The largest post of any provider (Meta's may have 3 MB).
const MAX_BODY_BYTES: usize = 3 << 20;
/// Names this service's facts in the outbox.
const ORIGIN: &str = "webhook-ingest";
/// Connections to the database at most: for the writers, the relay, and looking up senders.
const POOL: u32 = 16;

/// Configuration of webhook-ingest; `--help` lists it.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "Takes delivery reports, inbound messages, opens, clicks and unsubscribes")]
pub struct Config {
    #[command(flatten)]
    pub common: config::Common,
    #[command(flatten)]
    pub kek: config::Kek,
    #[command(flatten)]
    pub links: config::Links,
    /// Rows of the outbox (each up to 500 events and 512 KiB, as a rule 60 KB) that may wait to be published and folded; beyond it posts
    /// are answered with 503 and come again. At the default that is 25 million events, in 3 GB as a rule.
    #[arg(long, env = "FANFARE_BACKLOG", default_value_t = 50_000, value_parser = clap::value_parser!(i64).range(1..))]
    pub backlog: i64,
    /// Header in which the proxy in front of this service says from where a request came, as `x-forwarded-for`; its last entry counts. Leave
    /// it out without such a proxy: anybody could write it
    #[arg(long, env = "FANFARE_CLIENT_IP_HEADER")]
    pub client_ip_header: Option<String>,
    /// Address at which letters that could not be delivered are taken in by SMTP, such as 0.0.0.0:25. Without it they are read from the
    /// mailboxes that senders name, if at all
    #[arg(long, env = "FANFARE_BOUNCE_LISTEN")]
    pub bounce_listen: Option<SocketAddr>,
    /// What it calls itself there: the name that the MX record of the bounce addresses' domain leads to
    #[arg(long, env = "FANFARE_BOUNCE_HOST", default_value = "bounces.invalid")]
    pub bounce_host: String,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
struct App {
    db: Db,
    senders: Arc<Senders>,
    commits: Committer,
    links: LinkKey,
    short_links: Arc<ShortLinks>,
    /// Where the address of a page's visitor is read; None: the connection's.
    client_ip_header: Option<Arc<str>>,
    /// How providers call us, without a slash at the end: what they sign.
    public_url: Arc<str>,
}

/// Works until shutdown; then finishes the posts that it has begun to read.
///
/// # Errors
/// When the database can't be reached as it starts, a key is bad, or the port can't be had.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let common = &config.common;
    if common.private_networks == config::PrivateNetworks::Allow {
        providers::public_net::allow_private(true);
    }
    let db = Db::connect(&common.database_url, store::Role::Ingest, POOL).await?;
    let bus = Bus::connect_later(&common.nats_url, &common.subject_prefix, common.nats_replicas).await?;
    let outbox = Outbox::new(db.clone(), bus.with_sizes(common.stream_sizes())?, ORIGIN);
    let (writers, others) = (TaskTracker::new(), TaskTracker::new());
    let backlog = Backlog::new(config.backlog);
    let app = App {
        senders: Arc::new(Senders::new(db.clone(), config.kek.load()?)),
        commits: Committer::start(&db, &outbox, &backlog, &writers, shutdown.hard()),
        links: LinkKey::from_base64(&config.links.link_key)?,
        short_links: Arc::new(ShortLinks::new(db.clone())),
        client_ip_header: config.client_ip_header.map(Into::into),
        public_url: config.links.public_url.trim_end_matches('/').into(),
        db: db.clone(),
    };
    others.spawn(backlog.watch(db.clone(), shutdown.soft()));
    others.spawn(unread::forget(db.clone(), shutdown.soft()));
    let taker = Taker { db: db.clone(), commits: app.commits.clone(), links: app.links.clone() };
    if let Some(addr) = config.bounce_listen {
        let listener = Listener::bind(addr, &config.bounce_host, taker.clone()).await?;
        writers.spawn(listener.serve(shutdown.soft(), writers.clone()));
    }
    writers.spawn(Mailboxes { db: db.clone(), kek: config.kek.load()?, taker }.run(shutdown.soft()));
    // The relay goes on until the last request has its answer.
    let written = CancellationToken::new();
    let until = written.clone();
    others.spawn(async move { outbox.run(until).await });
    // Not the broker: what it doesn't take waits in the database.
    let served = Server::plain(common)
        .http(router(app))
        .ready("database", move || {
            let db = db.clone();
            async move { db.ping().await }
        })
        .serve(&shutdown)
        .await;
    shutdown.begin();
    writers.close();
    let drained = shutdown.bounded(writers.wait()).await;
    written.cancel();
    others.close();
    shutdown.bounded(others.wait()).await?;
    served.and(drained)
}

fn router(app: App) -> Router {
    Router::new()
        // Which there are is each provider's to say: `Provider::hooks`.
        .route("/webhooks/{provider}/{sender_id}", post(receive::bare).get(receive::challenge))
        .route("/webhooks/{provider}/{sender_id}/{name}", post(receive::named))
        // A HEAD comes from scanners and previews: it gets the same answer.
        .route("/o/{token}", get(links::open).head(links::open_by_machine))
        .route("/c/{token}", get(links::click).head(links::click_by_machine))
        .route("/s/{token}", get(links::short).head(links::short_by_machine))
        .route("/v/{token}", get(conversions::pixel).head(conversions::pixel_for_machine).post(conversions::post))
        .route("/r/{token}", post(receipts::tell))
        .route("/devices/{token}", post(devices::register).options(devices::preflight))
        .route("/u/{token}", get(unsubscribe::page).post(unsubscribe::unsubscribe))
        .route("/preferences/{token}", get(preferences::page).post(preferences::save))
        .route("/confirm/{token}", get(confirm::page).post(confirm::confirm))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::map_response(guard))
        .with_state(app)
}

/// Nothing here is to be cached, guessed at, or told to the pages it leads to.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
