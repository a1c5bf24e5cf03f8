//! The templates that WhatsApp's providers keep: listed, read anew, and what their state does to campaigns.
//!
//! They are read every hour and when somebody asks ([`sync`]), and heard of by webhooks in between; [`follow`] stops and resumes the runs
//! that are sent by them, and [`check`] keeps campaigns from review that couldn't be sent.

pub mod check;
pub mod follow;
mod get;
mod list;
mod read_now;
pub mod sync;

use crate::{convert::timestamp, state::State};
use proto::template::{
    GetProviderTemplateRequest, GetProviderTemplateResponse, ListProviderTemplatesRequest, ListProviderTemplatesResponse, ProviderTemplate,
    SyncProviderTemplatesRequest, SyncProviderTemplatesResponse,
    provider_template_service_server::{ProviderTemplateService, ProviderTemplateServiceServer},
};
use tonic::{Request, Response, Status};

pub struct ProviderTemplates(State);

pub fn service(state: State) -> ProviderTemplateServiceServer<ProviderTemplates> {
    ProviderTemplateServiceServer::new(ProviderTemplates(state))
}

#[tonic::async_trait]
impl ProviderTemplateService for ProviderTemplates {
    async fn list_provider_templates(
        &self,
        request: Request<ListProviderTemplatesRequest>,
    ) -> Result<Response<ListProviderTemplatesResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn get_provider_template(
        &self,
        request: Request<GetProviderTemplateRequest>,
    ) -> Result<Response<GetProviderTemplateResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn sync_provider_templates(
        &self,
        request: Request<SyncProviderTemplatesRequest>,
    ) -> Result<Response<SyncProviderTemplatesResponse>, Status> {
        read_now::run(&self.0, request).await.map(Response::new)
    }
}

fn present(template: store::provider_template::ProviderTemplate) -> ProviderTemplate {
    ProviderTemplate {
        id: template.provider_template_id.to_string(),
        sender_id: template.sender_id.to_string(),
        provider_id: template.provider_id,
        name: template.name,
        language: template.language,
        category: template.category,
        status: template.status,
        quality: template.quality,
        components_json: if template.components.is_null() { String::new() } else { template.components.to_string() },
        reason: template.reason,
        synced_at: Some(timestamp(template.synced_at)),
    }
}
