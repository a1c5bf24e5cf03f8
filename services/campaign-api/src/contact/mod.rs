//! Contacts: people who can receive messages. One at a time, or a whole file: [`import`] and [`export`].
//!
//! An address that can't be used is no error: the contact is kept with the reason, and never messaged on that channel.

mod attributes;
mod delete;
mod erase;
mod export;
mod export_one;
mod get;
mod import;
mod imports;
mod limits;
mod list;
mod record;
mod upsert;
mod view;

pub use view::present;

use crate::state::State;
use domain::{WorkspaceId, address::PhoneRules};
use proto::contact::{
    DeleteContactRequest, DeleteContactResponse, DownloadImportProblemsRequest, EraseContactRequest, EraseContactResponse,
    ExportContactRequest, ExportContactResponse, ExportContactsRequest, GetContactRequest, GetContactResponse, GetImportRequest,
    GetImportResponse, ImportContactsRequest, ListContactsRequest, ListContactsResponse, ListImportsRequest, ListImportsResponse,
    UpsertContactRequest, UpsertContactResponse,
    contact_service_server::{ContactService, ContactServiceServer},
};
use runtime::status;
use std::sync::Arc;
use store::{
    PgConnection,
    workspace::{self, Workspace},
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

pub struct Contacts {
    state: State,
    /// Room for imports and for exports.
    imports: Arc<Semaphore>,
    exports: Arc<Semaphore>,
}

pub fn service(state: State) -> ContactServiceServer<Contacts> {
    let room = |at_once| Arc::new(Semaphore::new(at_once));
    ContactServiceServer::new(Contacts { state, imports: room(import::AT_ONCE), exports: room(export::AT_ONCE) })
}

#[tonic::async_trait]
impl ContactService for Contacts {
    type ImportContactsStream = import::Answers;
    type DownloadImportProblemsStream = imports::problems::Answers;
    type ExportContactsStream = export::Answers;

    async fn upsert_contact(&self, request: Request<UpsertContactRequest>) -> Result<Response<UpsertContactResponse>, Status> {
        upsert::run(&self.state, request).await.map(Response::new)
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Result<Response<GetContactResponse>, Status> {
        get::run(&self.state, request).await.map(Response::new)
    }

    async fn list_contacts(&self, request: Request<ListContactsRequest>) -> Result<Response<ListContactsResponse>, Status> {
        list::run(&self.state, request).await.map(Response::new)
    }

    async fn delete_contact(&self, request: Request<DeleteContactRequest>) -> Result<Response<DeleteContactResponse>, Status> {
        delete::run(&self.state, request).await.map(Response::new)
    }

    async fn erase_contact(&self, request: Request<EraseContactRequest>) -> Result<Response<EraseContactResponse>, Status> {
        erase::run(&self.state, request).await.map(Response::new)
    }

    async fn export_contact(&self, request: Request<ExportContactRequest>) -> Result<Response<ExportContactResponse>, Status> {
        export_one::run(&self.state, request).await.map(Response::new)
    }

    async fn import_contacts(&self, request: Request<Streaming<ImportContactsRequest>>) -> Result<Response<import::Answers>, Status> {
        import::run(&self.state, &self.imports, request).await
    }

    async fn get_import(&self, request: Request<GetImportRequest>) -> Result<Response<GetImportResponse>, Status> {
        imports::get::run(&self.state, request).await.map(Response::new)
    }

    async fn list_imports(&self, request: Request<ListImportsRequest>) -> Result<Response<ListImportsResponse>, Status> {
        imports::list::run(&self.state, request).await.map(Response::new)
    }

    async fn download_import_problems(
        &self,
        request: Request<DownloadImportProblemsRequest>,
    ) -> Result<Response<imports::problems::Answers>, Status> {
        imports::problems::run(&self.state, request).await
    }

    async fn export_contacts(&self, request: Request<ExportContactsRequest>) -> Result<Response<export::Answers>, Status> {
        export::run(&self.state, &self.exports, request).await
    }
}

/// How a workspace writes phones.
pub fn phone_rules(workspace: &Workspace) -> PhoneRules {
    PhoneRules::new(&workspace.default_country_code, &workspace.phone_strip_prefixes)
}

/// Reads how the caller's workspace writes phones.
///
/// # Errors
/// NOT_FOUND when there is no such workspace.
pub async fn read_phone_rules(connection: &mut PgConnection, id: WorkspaceId) -> Result<PhoneRules, Status> {
    let workspace = workspace::get(connection, id).await.map_err(status::store)?;
    workspace.as_ref().map(phone_rules).ok_or_else(|| status::not_found("workspace"))
}
