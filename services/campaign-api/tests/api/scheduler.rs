//! A stand-in for the scheduler, over real gRPC: remembers what it was asked.

use proto::scheduler::{
    DropRemainingRequest, DropRemainingResponse, RequeueRequest, RequeueResponse, StartCampaignRequest, StartCampaignResponse,
    scheduler_service_server::{SchedulerService, SchedulerServiceServer},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What it says was dropped.
pub const DROPPED: u64 = 4711;
/// What it says was put back into the queue.
pub const REQUEUED: u64 = 42;

pub struct FakeScheduler {
    pub url: String,
    calls: Calls,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Calls {
    asked: Arc<Mutex<Vec<String>>>,
    stuck: Arc<AtomicBool>,
}

impl Calls {
    fn note<T>(&self, verb: &str, campaign: &str, request: &Request<T>) {
        let token = request.metadata().get("authorization").map(|value| value.to_str().unwrap_or_default().to_owned());
        assert_eq!(token.as_deref(), Some("Bearer internal"));
        self.asked.lock().unwrap().push(format!("{verb} {campaign}"));
    }
}

impl FakeScheduler {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Calls::default();
        let service = SchedulerServiceServer::new(calls.clone());
        let serving = tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Self { url, calls, server }
    }

    /// What was asked: "start", "drop" or what to requeue, and the campaign.
    pub fn calls(&self) -> Vec<String> {
        self.calls.asked.lock().unwrap().clone()
    }

    /// Makes it never answer the next requeue.
    pub fn get_stuck(&self) {
        self.calls.stuck.store(true, Ordering::SeqCst);
    }
}

impl Drop for FakeScheduler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tonic::async_trait]
impl SchedulerService for Calls {
    async fn start_campaign(&self, request: Request<StartCampaignRequest>) -> Result<Response<StartCampaignResponse>, Status> {
        self.note("start", &request.get_ref().campaign_id, &request);
        Ok(Response::new(StartCampaignResponse::default()))
    }

    async fn drop_remaining(&self, request: Request<DropRemainingRequest>) -> Result<Response<DropRemainingResponse>, Status> {
        self.note("drop", &request.get_ref().campaign_id, &request);
        Ok(Response::new(DropRemainingResponse { dropped: DROPPED }))
    }

    async fn requeue(&self, request: Request<RequeueRequest>) -> Result<Response<RequeueResponse>, Status> {
        let asked = request.get_ref();
        let RequeueRequest { channel, codes, delivery_ids, actor, .. } = asked;
        let what = format!("{} {channel} {codes:?} {delivery_ids:?} by {actor} for", asked.what().as_str_name());
        self.note(&what, &asked.campaign_id, &request);
        if self.stuck.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(RequeueResponse { deliveries: REQUEUED }))
    }
}
