//! Conversations: what people write to senders, read and answered. Who answers is set here; what they wrote comes in by `inbound`.
//!
//! Texts are opened for the caller and for nobody else: neither the log nor the audit log holds a word of them.

mod archive;
mod assign;
mod export;
mod get;
mod list;
mod mark_read;
mod messages;
mod reply;
mod view;
mod watch;

pub use export::export;

use crate::state::State;
use proto::conversation::{
    ArchiveConversationRequest, ArchiveConversationResponse, AssignConversationRequest, AssignConversationResponse, GetConversationRequest,
    GetConversationResponse, ListConversationsRequest, ListConversationsResponse, ListMessagesRequest, ListMessagesResponse,
    MarkConversationReadRequest, MarkConversationReadResponse, ReplyRequest, ReplyResponse, WatchConversationsRequest,
    conversation_service_server::{ConversationService, ConversationServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

pub struct Conversations {
    state: State,
    /// Room for those who watch.
    watchers: watch::Room,
    /// Ends their streams.
    shutdown: CancellationToken,
}

pub fn service(state: State, shutdown: CancellationToken) -> ConversationServiceServer<Conversations> {
    ConversationServiceServer::new(Conversations { state, watchers: watch::Room::new(), shutdown })
}

#[tonic::async_trait]
impl ConversationService for Conversations {
    type WatchConversationsStream = watch::Answers;

    async fn list_conversations(&self, request: Request<ListConversationsRequest>) -> Result<Response<ListConversationsResponse>, Status> {
        list::run(&self.state, request).await.map(Response::new)
    }

    async fn get_conversation(&self, request: Request<GetConversationRequest>) -> Result<Response<GetConversationResponse>, Status> {
        get::run(&self.state, request).await.map(Response::new)
    }

    async fn list_messages(&self, request: Request<ListMessagesRequest>) -> Result<Response<ListMessagesResponse>, Status> {
        messages::run(&self.state, request).await.map(Response::new)
    }

    async fn reply(&self, request: Request<ReplyRequest>) -> Result<Response<ReplyResponse>, Status> {
        reply::run(&self.state, request).await.map(Response::new)
    }

    async fn assign_conversation(
        &self,
        request: Request<AssignConversationRequest>,
    ) -> Result<Response<AssignConversationResponse>, Status> {
        assign::run(&self.state, request).await.map(Response::new)
    }

    async fn archive_conversation(
        &self,
        request: Request<ArchiveConversationRequest>,
    ) -> Result<Response<ArchiveConversationResponse>, Status> {
        archive::run(&self.state, request).await.map(Response::new)
    }

    async fn mark_conversation_read(
        &self,
        request: Request<MarkConversationReadRequest>,
    ) -> Result<Response<MarkConversationReadResponse>, Status> {
        mark_read::run(&self.state, request).await.map(Response::new)
    }

    async fn watch_conversations(&self, request: Request<WatchConversationsRequest>) -> Result<Response<watch::Answers>, Status> {
        watch::run(self, request).await.map(Response::new)
    }
}
