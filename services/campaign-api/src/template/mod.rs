//! Templates: content with a variant for each channel, in versions. What can't be rendered is refused when it is written.

mod clone;
mod create;
mod diff;
mod get;
mod history;
mod list;
mod preview;
mod read;
mod test_send;
mod update;
mod validate;
mod view;

pub use read::{is_usable, must_be_usable};
pub use update::record as record_update;

use crate::state::State;
use proto::template::{
    CloneTemplateRequest, CloneTemplateResponse, CreateTemplateRequest, CreateTemplateResponse, DiffTemplateVersionsRequest,
    DiffTemplateVersionsResponse, GetTemplateRequest, GetTemplateResponse, GetTestSendRequest, GetTestSendResponse,
    ListTemplateUsesRequest, ListTemplateUsesResponse, ListTemplateVersionsRequest, ListTemplateVersionsResponse, ListTemplatesRequest,
    ListTemplatesResponse, PreviewTemplateRequest, PreviewTemplateResponse, TestSendTemplateRequest, TestSendTemplateResponse,
    UpdateTemplateRequest, UpdateTemplateResponse, ValidateTemplateRequest, ValidateTemplateResponse,
    template_service_server::{TemplateService, TemplateServiceServer},
};
use runtime::status;
use serde::Serialize;
use tonic::{Request, Response, Status};

pub struct Templates(State);

pub fn service(state: State) -> TemplateServiceServer<Templates> {
    TemplateServiceServer::new(Templates(state))
}

#[tonic::async_trait]
impl TemplateService for Templates {
    async fn create_template(&self, request: Request<CreateTemplateRequest>) -> Result<Response<CreateTemplateResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_template(&self, request: Request<GetTemplateRequest>) -> Result<Response<GetTemplateResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_templates(&self, request: Request<ListTemplatesRequest>) -> Result<Response<ListTemplatesResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_template(&self, request: Request<UpdateTemplateRequest>) -> Result<Response<UpdateTemplateResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn clone_template(&self, request: Request<CloneTemplateRequest>) -> Result<Response<CloneTemplateResponse>, Status> {
        clone::run(&self.0, request).await.map(Response::new)
    }

    async fn preview_template(&self, request: Request<PreviewTemplateRequest>) -> Result<Response<PreviewTemplateResponse>, Status> {
        preview::run(&self.0, request).await.map(Response::new)
    }

    async fn validate_template(&self, request: Request<ValidateTemplateRequest>) -> Result<Response<ValidateTemplateResponse>, Status> {
        validate::run(&self.0, request).await.map(Response::new)
    }

    async fn list_template_versions(
        &self,
        request: Request<ListTemplateVersionsRequest>,
    ) -> Result<Response<ListTemplateVersionsResponse>, Status> {
        history::versions(&self.0, request).await.map(Response::new)
    }

    async fn diff_template_versions(
        &self,
        request: Request<DiffTemplateVersionsRequest>,
    ) -> Result<Response<DiffTemplateVersionsResponse>, Status> {
        diff::run(&self.0, request).await.map(Response::new)
    }

    async fn list_template_uses(&self, request: Request<ListTemplateUsesRequest>) -> Result<Response<ListTemplateUsesResponse>, Status> {
        history::uses(&self.0, request).await.map(Response::new)
    }

    async fn test_send_template(&self, request: Request<TestSendTemplateRequest>) -> Result<Response<TestSendTemplateResponse>, Status> {
        test_send::run(&self.0, request).await.map(Response::new)
    }

    async fn get_test_send(&self, request: Request<GetTestSendRequest>) -> Result<Response<GetTestSendResponse>, Status> {
        test_send::get(&self.0, request).await.map(Response::new)
    }
}

/// What the audit log keeps; the contents of all versions are kept anyway.
#[derive(Serialize)]
struct Record<'a> {
    name: &'a str,
    version: i32,
    archived: bool,
}

impl<'a> From<&'a store::template::Template> for Record<'a> {
    fn from(template: &'a store::template::Template) -> Self {
        Self { name: &template.name, version: template.version, archived: template.archived_at.is_some() }
    }
}

/// What a failed write of a template means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("template_name") {
        return status::already_exists("template", "there is a template of this name already");
    }
    status::store(error)
}
