//! AssignConversation: who answers from now on.

use super::{get::lock, view};
use crate::{audit::Change, convert::commit, state::State};
use domain::{ConversationId, conversation::Handler, role::Role};
use proto::conversation::{AssignConversationRequest, AssignConversationResponse, Conversation as Wire};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use store::{
    Tx,
    conversation::{self, Conversation, Standing},
};
use time::OffsetDateTime;
use tonic::{Request, Status};

/// Characters of a subject.
const MAX_SUBJECT: usize = 200;

pub async fn run(state: &State, request: Request<AssignConversationRequest>) -> Result<AssignConversationResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ConversationId = status::id("conversation_id", &request.conversation_id)?;
    let assigned_to = request.assigned_to.trim().to_owned();
    let handler = view::handler(request.handler);
    let mut violations = Violations::new();
    violations.expect(handler.is_some(), "handler", "must be given: none, assistant or person");
    let is_for_person = assigned_to.is_empty() || handler == Some(Handler::Person);
    violations.expect(is_for_person, "assigned_to", "only a person has a name: leave it out, or say that a person answers");
    let is_short = assigned_to.chars().count() <= MAX_SUBJECT && !assigned_to.contains('\0');
    violations.expect(is_short, "assigned_to", "must be the subject of a person, at most 200 characters");
    violations.check()?;
    let handler = handler.ok_or_else(|| status::invalid("handler", "must be given"))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let found = lock(&mut tx, caller.workspace, id).await?;
    let after = Standing { handler, assigned_to, ..Standing::of(&found) };
    let conversation = set(tx, &caller, "conversation.assign", found, &after, state.clock.now()).await?;
    Ok(AssignConversationResponse { conversation: Some(conversation) })
}

/// Sets how a conversation stands, and says so in the audit log.
pub async fn set(
    mut tx: Tx,
    caller: &Caller,
    action: &str,
    found: Conversation,
    after: &Standing,
    now: OffsetDateTime,
) -> Result<Wire, Status> {
    let id = found.conversation_id;
    conversation::set(&mut tx, caller.workspace, id, after, now).await.map_err(status::store)?;
    let before = Standing::of(&found);
    let change = Change { workspace: caller.workspace, caller, action, id: id.0, before: Some(&before), after: Some(after), at: now };
    change.record(&mut tx).await?;
    commit(tx).await?;
    let Standing { handler, assigned_to, status } = after.clone();
    Ok(view::present(Conversation { handler, assigned_to, status, updated_at: now, ..found }))
}
