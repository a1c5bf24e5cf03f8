//! Layouts: named HTML that e-mails are set into. A template's version keeps the copy that it was written with.

mod create;
mod delete;
mod get;
mod list;
mod read;
mod update;
mod view;

use crate::state::State;
use proto::template::{
    CreateLayoutRequest, CreateLayoutResponse, DeleteLayoutRequest, DeleteLayoutResponse, GetLayoutRequest, GetLayoutResponse,
    ListLayoutsRequest, ListLayoutsResponse, UpdateLayoutRequest, UpdateLayoutResponse,
    layout_service_server::{LayoutService, LayoutServiceServer},
};
use tonic::{Request, Response, Status};

pub struct Layouts(State);

pub fn service(state: State) -> LayoutServiceServer<Layouts> {
    LayoutServiceServer::new(Layouts(state))
}

#[tonic::async_trait]
impl LayoutService for Layouts {
    async fn create_layout(&self, request: Request<CreateLayoutRequest>) -> Result<Response<CreateLayoutResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_layout(&self, request: Request<GetLayoutRequest>) -> Result<Response<GetLayoutResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_layouts(&self, request: Request<ListLayoutsRequest>) -> Result<Response<ListLayoutsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_layout(&self, request: Request<UpdateLayoutRequest>) -> Result<Response<UpdateLayoutResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn delete_layout(&self, request: Request<DeleteLayoutRequest>) -> Result<Response<DeleteLayoutResponse>, Status> {
        delete::run(&self.0, request).await.map(Response::new)
    }
}
