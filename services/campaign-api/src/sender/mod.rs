//! Senders: configured provider accounts. Credentials go in sealed and never come out.

mod account;
mod create;
mod get;
mod limits;
mod list;
mod pause;
mod providers;
mod update;
mod view;

pub use view::health_of;

use crate::state::State;
use proto::sender::{
    CreateSenderRequest, CreateSenderResponse, GetSenderRequest, GetSenderResponse, ListProvidersRequest, ListProvidersResponse,
    ListSendersRequest, ListSendersResponse, PauseSenderRequest, PauseSenderResponse, ResumeSenderRequest, ResumeSenderResponse,
    UpdateSenderRequest, UpdateSenderResponse,
    sender_service_server::{SenderService, SenderServiceServer},
};
use runtime::status;
use tonic::{Request, Response, Status};

pub struct Senders(State);

pub fn service(state: State) -> SenderServiceServer<Senders> {
    SenderServiceServer::new(Senders(state))
}

#[tonic::async_trait]
impl SenderService for Senders {
    async fn create_sender(&self, request: Request<CreateSenderRequest>) -> Result<Response<CreateSenderResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_sender(&self, request: Request<GetSenderRequest>) -> Result<Response<GetSenderResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_senders(&self, request: Request<ListSendersRequest>) -> Result<Response<ListSendersResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_sender(&self, request: Request<UpdateSenderRequest>) -> Result<Response<UpdateSenderResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn list_providers(&self, request: Request<ListProvidersRequest>) -> Result<Response<ListProvidersResponse>, Status> {
        providers::run(&request).map(Response::new)
    }

    async fn resume_sender(&self, request: Request<ResumeSenderRequest>) -> Result<Response<ResumeSenderResponse>, Status> {
        pause::resume(&self.0, request).await.map(Response::new)
    }

    async fn pause_sender(&self, request: Request<PauseSenderRequest>) -> Result<Response<PauseSenderResponse>, Status> {
        pause::run(&self.0, request).await.map(Response::new)
    }
}

/// What a failed write of a sender means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("sender_name") {
        return status::already_exists("sender", "there is a sender of this name already");
    }
    status::store(error)
}
