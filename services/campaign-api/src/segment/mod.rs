//! Segments: saved filters over contacts, used by any campaign.

mod contacts;
mod count;
mod create;
pub mod filter;
mod get;
mod list;
mod update;
mod view;

use crate::state::State;
use proto::contact::{
    CountSegmentRequest, CountSegmentResponse, CreateSegmentRequest, CreateSegmentResponse, GetSegmentRequest, GetSegmentResponse,
    ListSegmentContactsRequest, ListSegmentContactsResponse, ListSegmentsRequest, ListSegmentsResponse, UpdateSegmentRequest,
    UpdateSegmentResponse,
    segment_service_server::{SegmentService, SegmentServiceServer},
};
use runtime::status;
use tonic::{Request, Response, Status};

pub struct Segments(State);

pub fn service(state: State) -> SegmentServiceServer<Segments> {
    SegmentServiceServer::new(Segments(state))
}

#[tonic::async_trait]
impl SegmentService for Segments {
    async fn create_segment(&self, request: Request<CreateSegmentRequest>) -> Result<Response<CreateSegmentResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_segment(&self, request: Request<GetSegmentRequest>) -> Result<Response<GetSegmentResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_segments(&self, request: Request<ListSegmentsRequest>) -> Result<Response<ListSegmentsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_segment(&self, request: Request<UpdateSegmentRequest>) -> Result<Response<UpdateSegmentResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn count_segment(&self, request: Request<CountSegmentRequest>) -> Result<Response<CountSegmentResponse>, Status> {
        count::run(&self.0, request).await.map(Response::new)
    }

    async fn list_segment_contacts(
        &self,
        request: Request<ListSegmentContactsRequest>,
    ) -> Result<Response<ListSegmentContactsResponse>, Status> {
        contacts::run(&self.0, request).await.map(Response::new)
    }
}

/// What a failed write of a segment means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("segment_name") {
        return status::already_exists("segment", "there is a segment of this name already");
    }
    status::store(error)
}

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 2_000;

/// Reads a segment's name.
fn name(name: &str) -> Result<String, Status> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(status::invalid("name", "must have 1 to 200 characters, without line breaks"));
    }
    Ok(name.to_owned())
}

/// Reads what a segment is for; it may be empty.
fn description(text: &str) -> Result<String, Status> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION || text.contains('\0') {
        return Err(status::invalid("description", format!("must be at most {MAX_DESCRIPTION} characters")));
    }
    Ok(text.to_owned())
}
