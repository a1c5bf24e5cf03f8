//! GetConversation.

use super::view;
use crate::state::State;
use domain::{ConversationId, WorkspaceId, role::Role};
use proto::conversation::{GetConversationRequest, GetConversationResponse};
use runtime::{auth, status};
use store::{
    PgConnection,
    conversation::{self, Conversation},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<GetConversationRequest>) -> Result<GetConversationResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: ConversationId = status::id("conversation_id", &request.get_ref().conversation_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let found = find(&mut tx, caller.workspace, id).await?;
    Ok(GetConversationResponse { conversation: Some(view::present(found)) })
}

/// # Errors
/// NOT_FOUND when the workspace has no such conversation.
pub async fn find(connection: &mut PgConnection, workspace: WorkspaceId, id: ConversationId) -> Result<Conversation, Status> {
    let found = conversation::get(connection, workspace, id).await.map_err(status::store)?;
    found.ok_or_else(|| status::not_found("conversation"))
}

/// The same, held on to until the transaction ends.
///
/// # Errors
/// NOT_FOUND when the workspace has no such conversation.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: ConversationId) -> Result<Conversation, Status> {
    let found = conversation::lock(connection, workspace, id).await.map_err(status::store)?;
    found.ok_or_else(|| status::not_found("conversation"))
}
