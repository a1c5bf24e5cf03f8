//! GetPreferences.

use super::view;
use crate::state::State;
use domain::{ContactId, WorkspaceId, role::Role};
use proto::consent::{GetPreferencesRequest, GetPreferencesResponse, Preferences};
use runtime::{auth, status};
use store::{PgConnection, consent::person};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetPreferencesRequest>) -> Result<GetPreferencesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let contact = status::id("contact_id", &request.get_ref().contact_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    Ok(GetPreferencesResponse { preferences: Some(of(&mut tx, caller.workspace, contact).await?) })
}

/// # Errors
/// NOT_FOUND when the workspace has no such contact.
pub async fn of(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Preferences, Status> {
    let person = person::get(connection, Some(workspace), contact).await.map_err(status::store)?;
    Ok(view::preferences(person.ok_or_else(|| status::not_found("contact"))?))
}
