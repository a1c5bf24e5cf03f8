//! Starting and stopping: listeners, routes, tasks.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::behaviour::Step;
use crate::callbacks::{Journey, Parcel, Scheduler, Stopped, Workers};
use crate::config::{Active, Config, ConfigError, Live, Options, write_private};
use crate::conn::{Hangup, Listener};
use crate::desk::Desk;
use crate::ledger::figures::Figures;
use crate::ledger::{Entry, Ledger};
use crate::{admin, fcm, graph, inbound, linkedin, meta, page, sendgrid, smtp, social, twilio, webpush, x};

/// The largest request body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long requests may take to finish after the order to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// A sandbox that is being served.
pub struct Sandbox {
    http: SocketAddr,
    smtp: SocketAddr,
    desk: Arc<Desk>,
    servers: JoinSet<()>,
    workers: Workers,
    writer: JoinHandle<()>,
}

/// Serves until `shutdown`.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    Sandbox::start(options, shutdown).await?.join().await;
    Ok(())
}

impl Sandbox {
    /// Takes up the state folder, and serves. It goes on with what an earlier process left unplayed.
    pub async fn start(options: Options, shutdown: CancellationToken) -> anyhow::Result<Sandbox> {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("another TLS provider is installed already");
        }
        let http = TcpListener::bind(options.listen).await.context("cannot listen for HTTP")?;
        let smtp = TcpListener::bind(options.smtp_listen).await.context("cannot listen for SMTP")?;
        let (http_addr, smtp_addr) = (http.local_addr()?, smtp.local_addr()?);
        std::fs::create_dir_all(&options.state_dir)?;
        let live = Arc::new(Live::open(&options.state_dir)?);
        let stopped = Arc::new(Stopped::default());
        let shuffled = live.get().config.behaviour.callbacks.shuffle;
        let (ledger, writer, journeys) = take_up(&options.state_dir, &stopped, shuffled)?;
        let (scheduler, workers) = Scheduler::start(live.clone(), ledger.clone(), stopped.clone(), options.allow_remote, &shutdown)?;
        for journey in journeys {
            scheduler.put(journey, Duration::ZERO);
        }
        let desk = Arc::new(Desk::new(live, ledger, scheduler, stopped, shutdown.clone()));
        let mut servers = JoinSet::new();
        servers.spawn(smtp::serve(smtp, desk.clone()));
        servers.spawn(serve_http(http, desk.clone(), shutdown));
        if let Some(file) = &options.ports_file {
            let ports = serde_json::json!({ "http": http_addr.port(), "smtp": smtp_addr.port() });
            write_private(file, ports.to_string().as_bytes()).context("cannot write the ports file")?;
        }
        tracing::info!(http = %http_addr, smtp = %smtp_addr, "the sandbox is open");
        Ok(Sandbox { http: http_addr, smtp: smtp_addr, desk, servers, workers, writer })
    }

    /// The base URL of every HTTP interface.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    pub fn figures(&self) -> Figures {
        self.desk.ledger.figures()
    }

    /// Replaces the configuration, as `PUT /sandbox/config` does.
    pub fn configure(&self, config: Config) -> Result<(), ConfigureError> {
        Ok(self.desk.live.replace(Active::new(config)?)?)
    }

    /// Waits for the end. It comes only after the order to stop.
    pub async fn join(self) {
        let Sandbox { desk, mut servers, mut workers, writer, .. } = self;
        desk.shutdown.cancelled().await;
        let drained = timeout(DRAIN, async {
            while servers.join_next().await.is_some() {}
            while workers.join_next().await.is_some() {}
            drop(desk);
            writer.await
        });
        if drained.await.is_err() {
            tracing::warn!("stopping with requests unfinished");
        }
    }
}

type TakenUp = (Ledger, JoinHandle<()>, Vec<Journey>);

/// Opens the log, with what an earlier process left unplayed in it.
fn take_up(state_dir: &Path, stopped: &Stopped, shuffled: bool) -> anyhow::Result<TakenUp> {
    let mut journeys = Vec::new();
    let (ledger, writer) = Ledger::open(state_dir, |seq, message, standing| {
        if standing.done.has(Step::Stop) {
            stopped.add(message.channel, &message.to, &message.from);
        }
        if !standing.todo.is_empty() {
            let entry = Entry { epoch: 0, seq, channel: message.channel };
            journeys.push(Journey::new(Parcel::new(entry, message), standing.todo, shuffled));
        }
    })?;
    Ok((ledger, writer, journeys))
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot write the configuration: {0}")]
    Io(#[from] std::io::Error),
}

async fn serve_http(listener: TcpListener, desk: Arc<Desk>, shutdown: CancellationToken) {
    let service = routes(desk).into_make_service_with_connect_info::<Hangup>();
    let serving = axum::serve(Listener::new(listener), service).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = serving.into_future().await {
        tracing::error!(%error, "the HTTP server failed");
    }
}

fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(twilio::list::list).post(twilio::create))
        .route("/2010-04-01/Accounts/{account}/Messages/{file}", get(twilio::list::one))
        .route("/v1/Services", get(twilio::messaging::services))
        .route("/v1/Services/{sid}", get(twilio::messaging::service))
        .route("/v1/Deactivations", get(twilio::messaging::deactivations))
        .route("/sandbox/deactivations/{date}", get(twilio::messaging::file))
        .route("/v3/mail/send", post(sendgrid::send).layer(DefaultBodyLimit::max(sendgrid::MAX_BODY_BYTES)))
        .route("/v3/suppression/{list}", get(sendgrid::suppressions::list))
        .route("/{version}/{number}/messages", post(meta::messages))
        .route("/{version}/{number}/marketing_messages", post(meta::marketing_messages))
        .route("/{version}/{waba}/message_templates", get(meta::templates::list))
        .route("/{version}/{waba}/phone_numbers", get(meta::templates::numbers))
        .route("/sandbox/whatsapp/template", post(meta::decide::decide))
        .route("/{version}/{waba}/subscribed_apps", get(meta::templates::subscription).post(meta::templates::subscription))
        .route("/v1/ContentAndApprovals", get(twilio::content::list))
        .route("/v1/Content/{sid}/ApprovalRequests", get(twilio::content::approval))
        .route("/{version}/{id}", get(graph::node))
        .route("/{version}/{id}/{edge}", get(graph::edge).post(graph::post_edge).layer(DefaultBodyLimit::max(graph::MAX_BODY_BYTES)))
        .route("/oauth/{network}/authorize", get(social::oauth::authorize))
        .route("/oauth/{network}/token", post(social::oauth::trade))
        .merge(x::routes())
        .merge(linkedin::routes())
        .route("/v1/projects/{project}/messages:send", post(fcm::send))
        .route("/oauth2/token", post(fcm::token::grant))
        .route("/push/", get(webpush::page::page))
        .route("/push/page.js", get(webpush::page::script))
        .route("/push/sw.js", get(webpush::page::worker))
        .route("/push/config", get(webpush::page::config))
        .route("/push/subscriptions", post(webpush::browsers::subscribe))
        .route("/push/subscriptions/{id}", get(webpush::browsers::fetch))
        .route("/push/{subscription}", post(webpush::send))
        .route("/sandbox/devices", post(webpush::devices::make))
        .route("/sandbox/inbound", post(inbound::write))
        .route("/sandbox/config", get(admin::config).put(admin::configure))
        .route("/sandbox/behaviour", put(admin::behave))
        .route("/sandbox/log", get(admin::log))
        .route("/sandbox/figures", get(admin::figures))
        .route("/sandbox/reset", post(admin::reset))
        .route("/healthz", get(|| async { "ok" }))
        .route("/", get(page::list))
        .route("/picture.jpg", get(page::picture))
        .route("/m/{seq}", get(page::detail))
        .route("/m/{seq}/html", get(page::mail))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(desk)
}
