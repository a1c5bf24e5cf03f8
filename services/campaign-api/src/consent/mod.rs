//! What people said about being messaged: the record of it, their preferences, lists that ask for confirmation, and the links to the
//! pages on which they say it. What those pages post comes in by [`crate::inbound`].

mod events;
mod links;
mod list;
mod pending;
mod preferences;
mod record;
mod topics;
mod view;

use crate::state::State;
use domain::ContactId;
use proto::consent::{
    CreateConfirmationLinksRequest, CreateConfirmationLinksResponse, CreatePreferenceLinkRequest, CreatePreferenceLinkResponse,
    GetListConsentRequest, GetListConsentResponse, GetPreferencesRequest, GetPreferencesResponse, LeaveTopicsRequest, LeaveTopicsResponse,
    ListConsentEventsRequest, ListConsentEventsResponse, ListPendingMembersRequest, ListPendingMembersResponse, RecordConsentRequest,
    RecordConsentResponse, RejoinTopicsRequest, RejoinTopicsResponse, UpdateListConsentRequest, UpdateListConsentResponse,
    consent_service_server::{ConsentService, ConsentServiceServer},
};
use runtime::status::{self, Violations};
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub use list::is_language;
pub use view::evidence;

pub struct Consents(State);

pub fn service(state: State) -> ConsentServiceServer<Consents> {
    ConsentServiceServer::new(Consents(state))
}

#[tonic::async_trait]
impl ConsentService for Consents {
    async fn list_consent_events(&self, request: Request<ListConsentEventsRequest>) -> Result<Response<ListConsentEventsResponse>, Status> {
        events::run(&self.0, request).await.map(Response::new)
    }

    async fn get_preferences(&self, request: Request<GetPreferencesRequest>) -> Result<Response<GetPreferencesResponse>, Status> {
        preferences::run(&self.0, request).await.map(Response::new)
    }

    async fn leave_topics(&self, request: Request<LeaveTopicsRequest>) -> Result<Response<LeaveTopicsResponse>, Status> {
        topics::leave(&self.0, request).await.map(Response::new)
    }

    async fn rejoin_topics(&self, request: Request<RejoinTopicsRequest>) -> Result<Response<RejoinTopicsResponse>, Status> {
        topics::rejoin(&self.0, request).await.map(Response::new)
    }

    async fn create_preference_link(
        &self,
        request: Request<CreatePreferenceLinkRequest>,
    ) -> Result<Response<CreatePreferenceLinkResponse>, Status> {
        links::preferences(&self.0, request).await.map(Response::new)
    }

    async fn get_list_consent(&self, request: Request<GetListConsentRequest>) -> Result<Response<GetListConsentResponse>, Status> {
        list::get(&self.0, request).await.map(Response::new)
    }

    async fn update_list_consent(&self, request: Request<UpdateListConsentRequest>) -> Result<Response<UpdateListConsentResponse>, Status> {
        list::update(&self.0, request).await.map(Response::new)
    }

    async fn list_pending_members(
        &self,
        request: Request<ListPendingMembersRequest>,
    ) -> Result<Response<ListPendingMembersResponse>, Status> {
        pending::run(&self.0, request).await.map(Response::new)
    }

    async fn create_confirmation_links(
        &self,
        request: Request<CreateConfirmationLinksRequest>,
    ) -> Result<Response<CreateConfirmationLinksResponse>, Status> {
        links::confirmation(&self.0, request).await.map(Response::new)
    }

    async fn record_consent(&self, request: Request<RecordConsentRequest>) -> Result<Response<RecordConsentResponse>, Status> {
        record::run(&self.0, request).await.map(Response::new)
    }
}

/// Contacts of one call at most.
const MAX_CONTACTS: usize = 1_000;

/// Reads the contacts of a call, which are named in it.
fn contacts(ids: &[String], violations: &mut Violations) -> Vec<ContactId> {
    violations.expect(!ids.is_empty(), "contact_ids", "must name at least one contact");
    violations.expect(ids.len() <= MAX_CONTACTS, "contact_ids", "must be at most 1,000");
    let mut read = Vec::with_capacity(ids.len().min(MAX_CONTACTS));
    for (index, id) in ids.iter().enumerate().take(MAX_CONTACTS) {
        match id.parse() {
            Ok(id) => read.push(id),
            Err(_) => drop(violations.add(format!("contact_ids[{index}]"), "must be an id")),
        }
    }
    read
}

fn raw(contacts: &[ContactId]) -> Vec<Uuid> {
    contacts.iter().map(|id| id.0).collect()
}

/// Refuses contacts that the workspace doesn't have.
async fn expect_known(connection: &mut store::PgConnection, workspace: domain::WorkspaceId, contacts: &[ContactId]) -> Result<(), Status> {
    let strangers = store::list::strangers(connection, workspace, &raw(contacts)).await.map_err(status::store)?;
    let mut violations = Violations::new();
    for (index, _) in contacts.iter().enumerate().filter(|(_, id)| strangers.contains(id)) {
        violations.add(format!("contact_ids[{index}]"), "is no contact of this workspace");
    }
    violations.check()
}
