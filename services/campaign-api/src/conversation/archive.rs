//! ArchiveConversation: put away until the person writes again.

use super::{assign::set, get::lock};
use crate::state::State;
use domain::{ConversationId, conversation::Status as Standing, role::Role};
use proto::conversation::{ArchiveConversationRequest, ArchiveConversationResponse};
use runtime::{auth, status};
use store::conversation;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ArchiveConversationRequest>) -> Result<ArchiveConversationResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ConversationId = status::id("conversation_id", &request.conversation_id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut found = lock(&mut tx, caller.workspace, id).await?;
    let (action, standing) =
        if request.reopen { ("conversation.reopen", Standing::Open) } else { ("conversation.archive", Standing::Archived) };
    if !request.reopen {
        conversation::mark_read(&mut tx, caller.workspace, id, None, now).await.map_err(status::store)?;
        found.unread = 0;
    }
    let after = conversation::Standing { status: standing, ..conversation::Standing::of(&found) };
    Ok(ArchiveConversationResponse { conversation: Some(set(tx, &caller, action, found, &after, now).await?) })
}
