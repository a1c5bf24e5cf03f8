//! Contacts: people who can receive messages. One at a time, or a whole file: [`import`].
//!
//! An address that can't be used is no error: the contact is kept with the reason, and never messaged on that channel.

mod delete;
mod get;
mod import;
mod limits;
mod list;
mod record;
mod upsert;
mod view;

use crate::state::State;
use domain::{WorkspaceId, address::PhoneRules};
use proto::contact::{
    DeleteContactRequest, DeleteContactResponse, GetContactRequest, GetContactResponse, ImportContactsRequest, ListContactsRequest,
    ListContactsResponse, UpsertContactRequest, UpsertContactResponse,
    contact_service_server::{ContactService, ContactServiceServer},
};
use runtime::status;
use store::{
    PgConnection,
    workspace::{self, Workspace},
};
use tonic::{Request, Response, Status, Streaming};

pub struct Contacts(State);

pub fn service(state: State) -> ContactServiceServer<Contacts> {
    ContactServiceServer::new(Contacts(state))
}

#[tonic::async_trait]
impl ContactService for Contacts {
    type ImportContactsStream = import::Answers;

    async fn upsert_contact(&self, request: Request<UpsertContactRequest>) -> Result<Response<UpsertContactResponse>, Status> {
        upsert::run(&self.0, request).await.map(Response::new)
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Result<Response<GetContactResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_contacts(&self, request: Request<ListContactsRequest>) -> Result<Response<ListContactsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn delete_contact(&self, request: Request<DeleteContactRequest>) -> Result<Response<DeleteContactResponse>, Status> {
        delete::run(&self.0, request).await.map(Response::new)
    }

    async fn import_contacts(&self, request: Request<Streaming<ImportContactsRequest>>) -> Result<Response<import::Answers>, Status> {
        import::run(&self.0, request).await
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
