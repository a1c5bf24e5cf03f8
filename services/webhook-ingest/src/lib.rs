//! webhook-ingest: the hub's public ear. It takes what providers post and what links in messages ask for.
//!
//! A provider's post is verified over its raw body, decoded by the provider's adapter, published as facts and inbound messages, and
//! answered only after the broker's ack ([`receive`], [`commit`]). Links carry a token of ours instead of a signature ([`links`],
//! [`unsubscribe`]). It writes nothing to the database and decides nothing: what a fact does to the figures is analytics' business,
//! what a STOP does to an address campaign-api's.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod commit;
mod form;
mod links;
mod problem;
mod receive;
mod senders;
mod translate;
mod unsubscribe;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};
use bus::Bus;
use commit::Committer;
use domain::link::LinkKey;
use proto::event::{Fact, Inbound};
use runtime::{Server, Shutdown, config};
use senders::Senders;
use std::sync::Arc;
use store::Db;
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

/// The largest post of any provider (Meta's may have 3 MB).
const MAX_BODY_BYTES: usize = 3 << 20;

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
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
struct App {
    db: Db,
    senders: Arc<Senders>,
    facts: Committer<Fact>,
    inbound: Committer<Inbound>,
    links: LinkKey,
    /// How providers call us, without a slash at the end: what they sign.
    public_url: Arc<str>,
}

/// Works until shutdown; then finishes the posts that it has begun to read.
///
/// # Errors
/// When the database or the broker can't be reached as it starts, a key is bad, or the port can't be had.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let db = Db::connect(&config.common.database_url, store::Role::Ingest, 16).await?;
    let bus = Bus::connect(&config.common.nats_url, &config.common.subject_prefix, config.common.nats_replicas).await?;
    bus.ensure_streams().await?;
    let tasks = TaskTracker::new();
    let app = App {
        senders: Arc::new(Senders::new(db.clone(), config.kek.load()?)),
        facts: Committer::start(&bus, &tasks, shutdown.hard()),
        inbound: Committer::start(&bus, &tasks, shutdown.hard()),
        links: LinkKey::from_base64(&config.links.link_key)?,
        public_url: config.links.public_url.trim_end_matches('/').into(),
        db: db.clone(),
    };
    let served = Server::plain(&config.common)
        .http(router(app))
        .ready("database", move || {
            let db = db.clone();
            async move { db.ping().await }
        })
        .ready("broker", move || {
            let bus = bus.clone();
            async move { bus.ping().await }
        })
        .serve(&shutdown)
        .await;
    shutdown.begin();
    tasks.close();
    shutdown.bounded(tasks.wait()).await?;
    served
}

fn router(app: App) -> Router {
    Router::new()
        .route("/webhooks/twilio/{sender_id}/status", post(receive::twilio_status))
        .route("/webhooks/twilio/{sender_id}/inbound", post(receive::twilio_inbound))
        .route("/webhooks/meta/{sender_id}", post(receive::meta).get(receive::meta_challenge))
        .route("/webhooks/sendgrid/{sender_id}", post(receive::sendgrid))
        // A HEAD comes from scanners and previews: it gets the same answer and counts as nothing.
        .route("/o/{token}", get(links::open).head(links::look_at_pixel))
        .route("/c/{token}", get(links::click).head(links::look_at_link))
        .route("/u/{token}", get(unsubscribe::page).post(unsubscribe::unsubscribe))
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

/// Milliseconds since 1970, as facts carry their time.
fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}
