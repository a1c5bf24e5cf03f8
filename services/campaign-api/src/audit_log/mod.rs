//! The audit log as admins read it. Whoever changes something writes its entry with [`crate::audit`].

mod get;
mod list;
mod view;

use crate::state::State;
use proto::workspace::{
    GetAuditEntryRequest, GetAuditEntryResponse, ListAuditEntriesRequest, ListAuditEntriesResponse,
    audit_service_server::{AuditService, AuditServiceServer},
};
use tonic::{Request, Response, Status};

pub struct AuditLog(State);

pub fn service(state: State) -> AuditServiceServer<AuditLog> {
    AuditServiceServer::new(AuditLog(state))
}

#[tonic::async_trait]
impl AuditService for AuditLog {
    async fn list_audit_entries(&self, request: Request<ListAuditEntriesRequest>) -> Result<Response<ListAuditEntriesResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn get_audit_entry(&self, request: Request<GetAuditEntryRequest>) -> Result<Response<GetAuditEntryResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }
}
