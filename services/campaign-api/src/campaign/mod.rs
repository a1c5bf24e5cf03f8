//! Campaigns: drafts, their review, and what a person does with them once they are sent.
//!
//! Every move is a [`change::Change`]: read under lock, asked of the lifecycle, written guarded, audited, in one transaction.

mod alert;
mod amend;
mod approvals;
mod approve;
mod audience;
mod cancel;
mod change;
mod clone;
mod complete;
pub mod conversion;
mod conversions;
mod create;
mod dry_run;
mod get;
mod guards;
mod list;
mod pause;
mod preview;
mod reject;
mod requeue;
mod resume;
mod review;
mod selection;
mod send;
mod settings;
mod submit;
mod tracking;
mod update;
mod view;

pub use dry_run::AT_ONCE as DRY_RUNS_AT_ONCE;
pub use view::wire_status;

use crate::state::State;
use proto::campaign::{
    ApproveCampaignRequest, ApproveCampaignResponse, CancelCampaignRequest, CancelCampaignResponse, ClearCampaignContactsRequest,
    ClearCampaignContactsResponse, CloneCampaignRequest, CloneCampaignResponse, CopyListsToCampaignRequest, CopyListsToCampaignResponse,
    CreateCampaignRequest, CreateCampaignResponse, DryRunCampaignRequest, GetApprovalRequest, GetApprovalResponse, GetCampaignRequest,
    GetCampaignResponse, GetConversionTotalsRequest, GetConversionTotalsResponse, ListAlertsRequest, ListAlertsResponse,
    ListApprovalsRequest, ListApprovalsResponse, ListCampaignsRequest, ListCampaignsResponse, ListConversionsRequest,
    ListConversionsResponse, PauseCampaignRequest, PauseCampaignResponse, PreviewAudienceRequest, PreviewAudienceResponse,
    RecordConversionRequest, RecordConversionResponse, RejectCampaignRequest, RejectCampaignResponse, ResolveAlertRequest,
    ResolveAlertResponse, ResumeCampaignRequest, ResumeCampaignResponse, RetryFailedRequest, RetryFailedResponse, SendCampaignRequest,
    SendCampaignResponse, SettleUnknownRequest, SettleUnknownResponse, SubmitCampaignRequest, SubmitCampaignResponse,
    UpdateCampaignRequest, UpdateCampaignResponse,
    campaign_service_server::{CampaignService, CampaignServiceServer},
};
use tonic::{Request, Response, Status};

pub struct Campaigns(State);

pub fn service(state: State) -> CampaignServiceServer<Campaigns> {
    CampaignServiceServer::new(Campaigns(state))
}

#[tonic::async_trait]
impl CampaignService for Campaigns {
    async fn create_campaign(&self, request: Request<CreateCampaignRequest>) -> Result<Response<CreateCampaignResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_campaign(&self, request: Request<GetCampaignRequest>) -> Result<Response<GetCampaignResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_campaigns(&self, request: Request<ListCampaignsRequest>) -> Result<Response<ListCampaignsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_campaign(&self, request: Request<UpdateCampaignRequest>) -> Result<Response<UpdateCampaignResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn submit_campaign(&self, request: Request<SubmitCampaignRequest>) -> Result<Response<SubmitCampaignResponse>, Status> {
        submit::run(&self.0, request).await.map(Response::new)
    }

    async fn approve_campaign(&self, request: Request<ApproveCampaignRequest>) -> Result<Response<ApproveCampaignResponse>, Status> {
        approve::run(&self.0, request).await.map(Response::new)
    }

    async fn reject_campaign(&self, request: Request<RejectCampaignRequest>) -> Result<Response<RejectCampaignResponse>, Status> {
        reject::run(&self.0, request).await.map(Response::new)
    }

    async fn send_campaign(&self, request: Request<SendCampaignRequest>) -> Result<Response<SendCampaignResponse>, Status> {
        send::run(&self.0, request).await.map(Response::new)
    }

    async fn pause_campaign(&self, request: Request<PauseCampaignRequest>) -> Result<Response<PauseCampaignResponse>, Status> {
        pause::run(&self.0, request).await.map(Response::new)
    }

    async fn resume_campaign(&self, request: Request<ResumeCampaignRequest>) -> Result<Response<ResumeCampaignResponse>, Status> {
        resume::run(&self.0, request).await.map(Response::new)
    }

    async fn cancel_campaign(&self, request: Request<CancelCampaignRequest>) -> Result<Response<CancelCampaignResponse>, Status> {
        cancel::run(&self.0, request).await.map(Response::new)
    }

    async fn clone_campaign(&self, request: Request<CloneCampaignRequest>) -> Result<Response<CloneCampaignResponse>, Status> {
        clone::run(&self.0, request).await.map(Response::new)
    }

    async fn preview_audience(&self, request: Request<PreviewAudienceRequest>) -> Result<Response<PreviewAudienceResponse>, Status> {
        preview::run(&self.0, request).await.map(Response::new)
    }

    async fn copy_lists_to_campaign(
        &self,
        request: Request<CopyListsToCampaignRequest>,
    ) -> Result<Response<CopyListsToCampaignResponse>, Status> {
        audience::copy(&self.0, request).await.map(Response::new)
    }

    async fn clear_campaign_contacts(
        &self,
        request: Request<ClearCampaignContactsRequest>,
    ) -> Result<Response<ClearCampaignContactsResponse>, Status> {
        audience::clear(&self.0, request).await.map(Response::new)
    }

    async fn retry_failed(&self, request: Request<RetryFailedRequest>) -> Result<Response<RetryFailedResponse>, Status> {
        requeue::retry_failed(&self.0, request).await.map(Response::new)
    }

    async fn settle_unknown(&self, request: Request<SettleUnknownRequest>) -> Result<Response<SettleUnknownResponse>, Status> {
        requeue::settle_unknown(&self.0, request).await.map(Response::new)
    }

    async fn list_alerts(&self, request: Request<ListAlertsRequest>) -> Result<Response<ListAlertsResponse>, Status> {
        alert::list(&self.0, request).await.map(Response::new)
    }

    async fn resolve_alert(&self, request: Request<ResolveAlertRequest>) -> Result<Response<ResolveAlertResponse>, Status> {
        alert::resolve(&self.0, request).await.map(Response::new)
    }

    async fn list_approvals(&self, request: Request<ListApprovalsRequest>) -> Result<Response<ListApprovalsResponse>, Status> {
        approvals::list(&self.0, request).await.map(Response::new)
    }

    async fn get_approval(&self, request: Request<GetApprovalRequest>) -> Result<Response<GetApprovalResponse>, Status> {
        approvals::get(&self.0, request).await.map(Response::new)
    }

    async fn record_conversion(&self, request: Request<RecordConversionRequest>) -> Result<Response<RecordConversionResponse>, Status> {
        conversion::run(&self.0, request).await.map(Response::new)
    }

    async fn list_conversions(&self, request: Request<ListConversionsRequest>) -> Result<Response<ListConversionsResponse>, Status> {
        conversions::list(&self.0, request).await.map(Response::new)
    }

    async fn get_conversion_totals(
        &self,
        request: Request<GetConversionTotalsRequest>,
    ) -> Result<Response<GetConversionTotalsResponse>, Status> {
        conversions::totals(&self.0, request).await.map(Response::new)
    }

    type DryRunCampaignStream = dry_run::Answers;

    async fn dry_run_campaign(&self, request: Request<DryRunCampaignRequest>) -> Result<Response<Self::DryRunCampaignStream>, Status> {
        dry_run::run(&self.0, request).await.map(Response::new)
    }
}
