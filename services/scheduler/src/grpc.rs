//! The calls of campaign-api: they only make the scheduler act at once.

use crate::{Scheduler, again::Wish};
use domain::{CampaignId, Channel, delivery::State, role::Role};
use proto::scheduler::{
    DropRemainingRequest, DropRemainingResponse, RequeueRequest, RequeueResponse, StartCampaignRequest, StartCampaignResponse,
    requeue_request::What,
    scheduler_service_server::{SchedulerService, SchedulerServiceServer},
};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::requeue::Which;
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

    async fn requeue(&self, request: Request<RequeueRequest>) -> Result<Response<RequeueResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let request = request.get_ref();
        let campaign: CampaignId = status::id("campaign_id", &request.campaign_id)?;
        let mut violations = Violations::new();
        let channel = (!request.channel.is_empty()).then(|| request.channel.parse::<Channel>());
        violations.expect(!matches!(channel, Some(Err(_))), "channel", "must be email, sms, whatsapp, push or social, or empty for all");
        let wish = match request.what() {
            What::Failed => Some(Wish::SendFailed),
            What::Unknown => Some(Wish::SendUnknown),
            What::WriteOff => Some(Wish::WriteOff),
            What::Unspecified => None,
        };
        violations.expect(wish.is_some(), "what", "must be FAILED, UNKNOWN or WRITE_OFF");
        violations.check()?;
        let (Some(wish), channel) = (wish, channel.and_then(Result::ok)) else { return Err(Status::invalid_argument("what")) };
        let which = Which { channel, codes: &request.codes, delivery_ids: &request.delivery_ids };
        let done =
            self.again(campaign, wish, which, &request.actor).await.map_err(|error| status::unavailable("REQUEUE_FAILED", &*error))?;
        let refused = || status::precondition("NOT_SENDABLE", "it has no run that could still send: clone the campaign to send it again");
        Ok(Response::new(RequeueResponse { deliveries: done.ok_or_else(refused)? }))
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
