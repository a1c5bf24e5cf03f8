//! One port for everything a service answers: gRPC and gRPC-web with authentication, health and reflection, plain HTTP
//! routes, `/healthz` and `/readyz`.
//!
//! A request whose content type is gRPC's goes through the layers span → authentication → service; any other is plain HTTP
//! and is not authenticated here. TLS is for what stands before it. Start at [`Server`]; `connection.rs` has the limits on
//! connections, `rpc.rs` what surrounds an RPC, `health.rs` readiness.

mod body;
mod connection;
mod cors;
mod health;
mod plain;
mod ports;
mod rpc;

pub use connection::Peer;

use crate::{
    auth::{Authenticator, layer},
    config::Common,
    shutdown::Shutdown,
};
use anyhow::{Context as _, ensure};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use connection::Limits;
use health::Readiness;
use http::header::CONTENT_TYPE;
use std::{convert::Infallible, fmt::Display, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tonic::{server::NamedService, service::Routes};
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder as Reflection;
use tonic_web::GrpcWebLayer;
use tower::{Service, ServiceExt as _};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Between two parts of what a client streams to us.
const CLIENT_STREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// What a service answers, before it does.
#[must_use = "a server answers once it is served"]
pub struct Server {
    config: Common,
    authenticator: Option<Authenticator>,
    routes: Routes,
    services: Vec<&'static str>,
    http: Router,
    readiness: Readiness,
    limits: Limits,
}

impl Server {
    /// A server of RPCs, each of which needs a token.
    pub fn new(config: &Common, authenticator: Authenticator) -> Self {
        Self { authenticator: Some(authenticator), ..Self::plain(config) }
    }

    /// A server of plain HTTP only, and of nothing but health until [`Server::http`] adds to it.
    pub fn plain(config: &Common) -> Self {
        Self {
            config: config.clone(),
            authenticator: None,
            routes: Routes::default(),
            services: Vec::new(),
            http: Router::new(),
            readiness: Readiness::default(),
            limits: Limits::default(),
        }
    }

    /// Adds a generated gRPC service. Messages are limited to 4 MiB, which is tonic's default.
    #[expect(clippy::should_implement_trait, reason = "it adds a service, not a number")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.services.push(S::NAME);
        self
    }

    /// Adds plain HTTP routes: no authentication, bodies of at most 3 MiB, 30 s a request.
    pub fn http(mut self, router: Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// Adds something without which the service isn't ready. It is asked at most once a second and given 2 s.
    pub fn ready<F, Fut, E>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + 'static,
    {
        self.readiness.add(name, check);
        self
    }

    /// Takes the port.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub async fn bind(self) -> anyhow::Result<Bound> {
        let address = self.config.listen;
        let listener = TcpListener::bind(address).await.with_context(|| format!("FANFARE_LISTEN {address}"))?;
        let address = listener.local_addr().context("local address")?;
        Ok(Bound { server: self, listener, address })
    }

    /// Takes the port and answers until the shutdown; see [`Bound::serve`].
    ///
    /// # Errors
    /// As [`Server::bind`] and [`Bound::serve`].
    pub async fn serve(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        self.bind().await?.serve(shutdown).await
    }

    fn router(self, shutdown: &Shutdown) -> anyhow::Result<Router> {
        let cors = cors::layer(&self.config.cors_origins)?;
        let readiness = self.readiness.until(shutdown.soft());
        let http = plain::router(self.http, readiness.clone());
        let router = match self.authenticator {
            Some(authenticator) => {
                let grpc = grpc(self.routes, &self.services, self.config.reflection, readiness)?;
                let grpc = grpc
                    .layer(middleware::from_fn_with_state(authenticator, layer::authenticate))
                    .layer(middleware::from_fn_with_state(rpc::Surroundings::new(shutdown.soft()), rpc::surround))
                    .layer(RequestBodyTimeoutLayer::new(CLIENT_STREAM_TIMEOUT))
                    .layer(GrpcWebLayer::new());
                http.layer(middleware::from_fn_with_state(grpc, by_content_type))
            }
            None => {
                ensure!(self.services.is_empty(), "RPCs need an authenticator: Server::new, not Server::plain");
                http
            }
        };
        Ok(match cors {
            Some(cors) => router.layer(cors),
            None => router,
        })
    }
}

fn grpc(routes: Routes, services: &[&'static str], reflection: bool, readiness: Readiness) -> anyhow::Result<Router> {
    let mut routes = routes.add_service(HealthServer::new(health::GrpcHealth::new(services, readiness)));
    if reflection {
        let builder = || {
            let builder = Reflection::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            services.iter().fold(builder, |builder, service| builder.with_service_name(*service))
        };
        routes = routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?);
    }
    Ok(routes.into_axum_router())
}

async fn by_content_type(State(grpc): State<Router>, request: Request, next: Next) -> Response {
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { grpc.oneshot(request).await.into_response() } else { next.run(request).await }
}

/// A server that has its port.
pub struct Bound {
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes the ports file and answers. At the soft token it takes no new connection, ends idle streams with UNAVAILABLE
    /// and waits for what is under way, at most until the hard token.
    ///
    /// # Errors
    /// When the configuration is wrong or the ports file can't be written.
    pub async fn serve(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let Self { server, listener, address } = self;
        let (limits, ports_file) = (server.limits, server.config.ports_file.clone());
        let app = server.router(shutdown)?;
        if let Some(path) = ports_file {
            ports::write(&path, address.port()).with_context(|| format!("FANFARE_PORTS_FILE {}", path.display()))?;
        }
        tracing::info!(%address, "listening");
        connection::serve(listener, app, limits, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
