//! Senders: configured provider accounts. Credentials go in sealed and never come out.

mod account;
mod connect;
mod create;
mod get;
mod limits;
mod list;
mod pause;
mod prices;
mod providers;
pub mod tasks;
mod test;
mod unread;
mod update;
mod view;

pub use account::open;
pub use connect::callback::routes;
pub use view::health_of;

use crate::state::State;
use proto::sender::{
    CreateSenderRequest, CreateSenderResponse, DisconnectSenderRequest, DisconnectSenderResponse, FinishConnectRequest,
    FinishConnectResponse, GetSenderRequest, GetSenderResponse, ListConnectableRequest, ListConnectableResponse, ListProvidersRequest,
    ListProvidersResponse, ListSenderPricesRequest, ListSenderPricesResponse, ListSendersRequest, ListSendersResponse,
    ListUnreadPostsRequest, ListUnreadPostsResponse, PauseSenderRequest, PauseSenderResponse, ResumeSenderRequest, ResumeSenderResponse,
    SetSenderPricesRequest, SetSenderPricesResponse, StartConnectRequest, StartConnectResponse, TestSenderRequest, TestSenderResponse,
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

    async fn test_sender(&self, request: Request<TestSenderRequest>) -> Result<Response<TestSenderResponse>, Status> {
        test::run(&self.0, request).await.map(Response::new)
    }

    async fn set_sender_prices(&self, request: Request<SetSenderPricesRequest>) -> Result<Response<SetSenderPricesResponse>, Status> {
        prices::set(&self.0, request).await.map(Response::new)
    }

    async fn list_sender_prices(&self, request: Request<ListSenderPricesRequest>) -> Result<Response<ListSenderPricesResponse>, Status> {
        prices::list(&self.0, request).await.map(Response::new)
    }

    async fn list_unread_posts(&self, request: Request<ListUnreadPostsRequest>) -> Result<Response<ListUnreadPostsResponse>, Status> {
        unread::run(&self.0, request).await.map(Response::new)
    }

    async fn start_connect(&self, request: Request<StartConnectRequest>) -> Result<Response<StartConnectResponse>, Status> {
        connect::start::run(&self.0, request).await.map(Response::new)
    }

    async fn list_connectable(&self, request: Request<ListConnectableRequest>) -> Result<Response<ListConnectableResponse>, Status> {
        connect::list::run(&self.0, request).await.map(Response::new)
    }

    async fn finish_connect(&self, request: Request<FinishConnectRequest>) -> Result<Response<FinishConnectResponse>, Status> {
        connect::finish::run(&self.0, request).await.map(Response::new)
    }

    async fn disconnect_sender(&self, request: Request<DisconnectSenderRequest>) -> Result<Response<DisconnectSenderResponse>, Status> {
        connect::disconnect::run(&self.0, request).await.map(Response::new)
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
