//! MarkConversationRead. Reading changes nothing for anybody else, so it is not in the audit log.

use super::{
    get::{find, lock},
    view,
};
use crate::{convert::commit, state::State};
use domain::{ConversationId, MessageId, role::Role};
use proto::conversation::{MarkConversationReadRequest, MarkConversationReadResponse};
use runtime::{auth, status};
use store::conversation::{self, message};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<MarkConversationReadRequest>) -> Result<MarkConversationReadResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ConversationId = status::id("conversation_id", &request.conversation_id)?;
    let up_to: Option<MessageId> = match request.message_id.as_str() {
        "" => None,
        text => Some(status::id("message_id", text)?),
    };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    lock(&mut tx, caller.workspace, id).await?;
    if let Some(message_id) = up_to {
        let known = message::one(&mut tx, caller.workspace, id, message_id).await.map_err(status::store)?;
        known.ok_or_else(|| status::not_found("message"))?;
    }
    conversation::mark_read(&mut tx, caller.workspace, id, up_to, state.clock.now()).await.map_err(status::store)?;
    let read = find(&mut tx, caller.workspace, id).await?;
    commit(tx).await?;
    Ok(MarkConversationReadResponse { conversation: Some(view::present(read)) })
}
