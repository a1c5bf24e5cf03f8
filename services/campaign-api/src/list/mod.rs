//! Lists: named sets of contacts, managed on their own and used by any campaign.

mod add;
mod create;
mod get;
#[expect(clippy::module_inception, reason = "here the noun and the verb are one word")]
mod list;
mod members;
mod remove;
mod update;
mod view;

use crate::state::State;
use domain::{ListId, WorkspaceId};
use proto::contact::{
    AddListMembersRequest, AddListMembersResponse, CreateListRequest, CreateListResponse, GetListRequest, GetListResponse,
    ListListsRequest, ListListsResponse, RemoveListMembersRequest, RemoveListMembersResponse, UpdateListRequest, UpdateListResponse,
    list_service_server::{ListService, ListServiceServer},
};
use runtime::status::{self, Violations};
use store::PgConnection;
use tonic::{Request, Response, Status};

pub struct Lists(State);

pub fn service(state: State) -> ListServiceServer<Lists> {
    ListServiceServer::new(Lists(state))
}

#[tonic::async_trait]
impl ListService for Lists {
    async fn create_list(&self, request: Request<CreateListRequest>) -> Result<Response<CreateListResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_list(&self, request: Request<GetListRequest>) -> Result<Response<GetListResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn list_lists(&self, request: Request<ListListsRequest>) -> Result<Response<ListListsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_list(&self, request: Request<UpdateListRequest>) -> Result<Response<UpdateListResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }

    async fn add_list_members(&self, request: Request<AddListMembersRequest>) -> Result<Response<AddListMembersResponse>, Status> {
        add::run(&self.0, request).await.map(Response::new)
    }

    async fn remove_list_members(&self, request: Request<RemoveListMembersRequest>) -> Result<Response<RemoveListMembersResponse>, Status> {
        remove::run(&self.0, request).await.map(Response::new)
    }
}

/// Lists of one call at most.
const MAX_LISTS: usize = 100;

/// Reads lists that contacts can be put in.
///
/// # Errors
/// INVALID_ARGUMENT that names each one that isn't a list of the workspace or is archived.
pub async fn open_lists(connection: &mut PgConnection, workspace: WorkspaceId, field: &str, ids: &[String]) -> Result<Vec<ListId>, Status> {
    if ids.len() > MAX_LISTS {
        return Err(status::invalid(field, "must be at most 100"));
    }
    let mut violations = Violations::new();
    let mut read: Vec<ListId> = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        match id.parse() {
            Ok(id) => read.push(id),
            Err(_) => drop(violations.add(format!("{field}[{index}]"), "must be an id")),
        }
    }
    violations.check()?;
    let closed = store::list::closed(connection, workspace, &read).await.map_err(status::store)?;
    for (index, _) in read.iter().enumerate().filter(|(_, id)| closed.contains(id)) {
        violations.add(format!("{field}[{index}]"), "is no list of this workspace, or it is archived");
    }
    violations.check()?;
    Ok(read)
}

/// What a failed write of a list means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("list_name") {
        return status::already_exists("list", "there is a list of this name already");
    }
    status::store(error)
}

const MAX_NAME: usize = 200;

/// Reads a list's name.
fn name(name: &str) -> Result<String, Status> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(status::invalid("name", "must have 1 to 200 characters, without line breaks"));
    }
    Ok(name.to_owned())
}
