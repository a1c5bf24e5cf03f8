//! Files that e-mails carry. What they are is found from their bytes; they never change.

mod create;
mod delete;
mod get;
mod list;
mod read;
mod view;

pub use read::must_be_there;

use crate::state::State;
use proto::template::{
    CreateAttachmentRequest, CreateAttachmentResponse, DeleteAttachmentRequest, DeleteAttachmentResponse, GetAttachmentRequest,
    GetAttachmentResponse, ListAttachmentsRequest, ListAttachmentsResponse,
    attachment_service_server::{AttachmentService, AttachmentServiceServer},
};
use tonic::{Request, Response, Status};

/// The largest file with its request around it.
const MAX_REQUEST_BYTES: usize = 11 << 20;

pub struct Attachments(State);

pub fn service(state: State) -> AttachmentServiceServer<Attachments> {
    AttachmentServiceServer::new(Attachments(state))
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_REQUEST_BYTES)
}

#[tonic::async_trait]
impl AttachmentService for Attachments {
    async fn create_attachment(&self, request: Request<CreateAttachmentRequest>) -> Result<Response<CreateAttachmentResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_attachment(&self, request: Request<GetAttachmentRequest>) -> Result<Response<GetAttachmentResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_attachments(&self, request: Request<ListAttachmentsRequest>) -> Result<Response<ListAttachmentsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn delete_attachment(&self, request: Request<DeleteAttachmentRequest>) -> Result<Response<DeleteAttachmentResponse>, Status> {
        delete::run(&self.0, request).await.map(Response::new)
    }
}
