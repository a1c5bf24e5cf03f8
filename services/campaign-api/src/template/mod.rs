//! Templates: content with a variant for each channel, in versions. What can't be rendered is refused when it is written.

mod create;
mod get;
mod list;
mod preview;
mod read;
mod update;
mod view;

use crate::state::State;
use proto::template::{
    CreateTemplateRequest, CreateTemplateResponse, GetTemplateRequest, GetTemplateResponse, ListTemplatesRequest, ListTemplatesResponse,
    PreviewTemplateRequest, PreviewTemplateResponse, UpdateTemplateRequest, UpdateTemplateResponse,
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

    async fn preview_template(&self, request: Request<PreviewTemplateRequest>) -> Result<Response<PreviewTemplateResponse>, Status> {
        preview::run(&self.0, request).await.map(Response::new)
    }
}

/// What the audit log keeps; the contents of all versions are kept anyway.
#[derive(Serialize)]
struct Record<'a> {
    name: &'a str,
    version: i32,
}

/// What a failed write of a template means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("template_name") {
        return status::already_exists("template", "there is a template of this name already");
    }
    status::store(error)
}
