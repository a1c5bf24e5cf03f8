//! The calls of campaign-api: they only make the scheduler act at once.

use crate::Scheduler;
use domain::{CampaignId, delivery::State, role::Role};
use proto::scheduler::{
    DropRemainingRequest, DropRemainingResponse, StartCampaignRequest, StartCampaignResponse,
    scheduler_service_server::{SchedulerService, SchedulerServiceServer},
};
use runtime::{auth, status};
use tonic::{Request, Response, Status};

pub(crate) fn service(scheduler: Scheduler) -> SchedulerServiceServer<Scheduler> {
    SchedulerServiceServer::new(scheduler)
}

#[tonic::async_trait]
impl SchedulerService for Scheduler {
    async fn start_campaign(&self, request: Request<StartCampaignRequest>) -> Result<Response<StartCampaignResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let campaign: CampaignId = status::id("campaign_id", &request.get_ref().campaign_id)?;
        let run = self.start_now(campaign).await.map_err(|error| status::unavailable("START_FAILED", &*error))?;
        Ok(Response::new(StartCampaignResponse { run_id: run.map(|run| run.to_string()).unwrap_or_default() }))
    }

    async fn drop_remaining(&self, request: Request<DropRemainingRequest>) -> Result<Response<DropRemainingResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let campaign: CampaignId = status::id("campaign_id", &request.get_ref().campaign_id)?;
        let dropped = self.drop_cancelled(campaign).await.map_err(|error| status::unavailable("DROP_FAILED", &*error))?;
        Ok(Response::new(DropRemainingResponse { dropped }))
    }
}

impl Scheduler {
    /// Drops what is left of a campaign that is CANCELLED; of any other, nothing.
    async fn drop_cancelled(&self, campaign: CampaignId) -> anyhow::Result<u64> {
        let run = {
            let mut connection = self.db.acquire().await?;
            store::run::cancelled_run(&mut connection, campaign).await?
        };
        let Some(run) = run else { return Ok(0) };
        self.drop_all(run, State::Cancelled).await?;
        let mut connection = self.db.acquire().await?;
        Ok(store::delivery::count_cancelled(&mut connection, campaign).await?.unsigned_abs())
    }
}
