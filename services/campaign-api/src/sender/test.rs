//! TestSender: asks the provider whether the account works, now.

use super::{tasks, view};
use crate::{audit::Change, convert::commit, state::State};
use domain::{SenderId, role::Role};
use proto::sender::{TestSenderRequest, TestSenderResponse};
use runtime::{auth, status};
use store::{connection, sender};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<TestSenderRequest>) -> Result<TestSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id: SenderId = status::id("id", &request.get_ref().id)?;
    let (sender, before) = {
        let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        let sender = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        let sender = sender.ok_or_else(|| status::not_found("sender"))?;
        let mut known = connection::of(&mut tx, caller.workspace, &[id]).await.map_err(status::store)?;
        (sender, known.remove(&id))
    };
    let Some(make) = providers::find(&sender.provider).and_then(|provider| provider.manage) else {
        let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        return Ok(TestSenderResponse { sender: Some(view::one(state, &mut tx, sender).await?), testable: false });
    };
    let account = tasks::opened(state, &sender).map_err(|error| status::internal(&*error))?;
    // What its settings lack says the same as a refusal: a person has to mend it.
    let found = match make(&account, sender.channel) {
        Ok(manage) => manage.check().await,
        Err(error) => Err(providers::Fault::new("settings", providers::FaultAction::Permanent, &error.to_string())),
    };
    let now = state.clock.now();
    let after = tasks::look(before.clone(), found, now);
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    connection::put(&mut tx, caller.workspace, id, &after).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "sender.test",
        id: id.0,
        before: before.as_ref(),
        after: Some(&after),
        at: now,
    };
    change.record(&mut tx).await?;
    let view = view::one(state, &mut tx, sender).await?;
    commit(tx).await?;
    Ok(TestSenderResponse { sender: Some(view), testable: true })
}
