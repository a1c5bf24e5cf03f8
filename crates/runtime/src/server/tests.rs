//! The server as its clients see it: over sockets.

mod access;
mod browser;
mod ending;
mod limits;

use super::{Bound, Server};
use crate::{
    auth::{Authenticator, Grant, Issuer, authorize},
    client,
    config::{Auth, Common, Secret},
    shutdown::Shutdown,
};
use domain::{WorkspaceId, role::Role};
use proto::scheduler::{
    DropRemainingRequest, DropRemainingResponse, StartCampaignRequest, StartCampaignResponse,
    scheduler_service_client::SchedulerServiceClient,
    scheduler_service_server::{SchedulerService, SchedulerServiceServer},
};
use std::{net::SocketAddr, time::Duration};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, service::interceptor::InterceptedService, transport::Channel};

/// Says what reached it.
struct Echo;

#[tonic::async_trait]
impl SchedulerService for Echo {
    async fn start_campaign(&self, request: Request<StartCampaignRequest>) -> Result<Response<StartCampaignResponse>, Status> {
        let caller = authorize(&request, Role::Internal)?;
        match request.into_inner().campaign_id.as_str() {
            "hang" => std::future::pending().await,
            "trace" => Ok(Response::new(StartCampaignResponse { run_id: crate::traceparent::current() })),
            _ => Ok(Response::new(StartCampaignResponse { run_id: caller.subject })),
        }
    }

    async fn drop_remaining(&self, request: Request<DropRemainingRequest>) -> Result<Response<DropRemainingResponse>, Status> {
        authorize(&request, Role::Admin)?;
        Ok(Response::new(DropRemainingResponse { dropped: 7 }))
    }

    async fn requeue(
        &self,
        _request: Request<proto::scheduler::RequeueRequest>,
    ) -> Result<Response<proto::scheduler::RequeueResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn common() -> Common {
    Common::local("postgres://unused", "nats://unused")
}

/// An issuer, and what trusts it.
fn trust() -> (Issuer, Authenticator) {
    let issuer = Issuer::generate().unwrap();
    let file = std::env::temp_dir().join(format!("fanfare-jwt-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, issuer.public_pem()).unwrap();
    let authenticator = Authenticator::new(&Auth::public_key(&file)).unwrap();
    std::fs::remove_file(file).unwrap();
    (issuer, authenticator)
}

fn token(issuer: &Issuer, role: Role) -> Secret {
    issuer.token(&Grant::new("ana", Some(WorkspaceId::new()), role, OffsetDateTime::now_utc())).unwrap().into()
}

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn start(server: Server) -> Self {
        Self::start_with(server, Shutdown::new(Duration::from_secs(20))).await
    }

    async fn start_with(server: Server, shutdown: Shutdown) -> Self {
        let bound: Bound = server.bind().await.unwrap();
        let (address, ending) = (bound.address(), shutdown.clone());
        Self { address, shutdown, task: tokio::spawn(async move { bound.serve(&ending).await }) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn channel(&self) -> Channel {
        client::channel(&self.url("")).unwrap()
    }

    fn scheduler(&self, token: &Secret) -> SchedulerServiceClient<InterceptedService<Channel, client::Outgoing>> {
        SchedulerServiceClient::with_interceptor(self.channel(), client::Outgoing::new(token).unwrap())
    }
}

async fn echo() -> (Running, Issuer) {
    let (issuer, authenticator) = trust();
    (Running::start(Server::new(&common(), authenticator).add(SchedulerServiceServer::new(Echo))).await, issuer)
}

fn http() -> reqwest::Client {
    crate::install_crypto();
    reqwest::Client::new()
}

/// A message in gRPC's framing.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// Posts a gRPC-web request, as a browser would.
async fn post_web(running: &Running, path: &str, token: Option<&str>, body: Vec<u8>) -> reqwest::Response {
    let mut request =
        http().post(running.url(path)).header("content-type", "application/grpc-web+proto").header("x-grpc-web", "1").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

/// The status of a gRPC-web answer, from its headers or from the trailers in its body.
async fn web_status(response: reqwest::Response) -> String {
    if let Some(status) = response.headers().get("grpc-status") {
        return status.to_str().unwrap().to_owned();
    }
    let body = response.bytes().await.unwrap();
    let text = String::from_utf8_lossy(&body);
    let start = text.find("grpc-status:").map(|at| at + "grpc-status:".len()).unwrap_or_else(|| panic!("no status in {text:?}"));
    text[start..].chars().take_while(char::is_ascii_digit).collect()
}
