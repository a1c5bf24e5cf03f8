//! DisconnectSender.

use super::existing;
use crate::{
    audit::Change,
    convert::commit,
    sender::{account, view},
    state::State,
};
use domain::{SenderId, role::Role};
use proto::sender::{DisconnectSenderRequest, DisconnectSenderResponse};
use providers::oauth::{ACCESS_TOKEN, REFRESH_TOKEN};
use runtime::{auth, status};
use store::{
    connection::{self, Connection, Status as Connected},
    sender::{self, Sender},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<DisconnectSenderRequest>) -> Result<DisconnectSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id: SenderId = status::id("id", &request.get_ref().id)?;
    let (workspace, now) = (caller.workspace, state.clock.now());
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    sender::lock(&mut tx, workspace, id).await.map_err(status::store)?;
    let sender = existing(&mut tx, workspace, id).await?;
    if providers::find(&sender.provider).is_none_or(|provider| provider.connect.is_none()) {
        let message = format!("{} isn't connected in the browser: change its credentials, or pause the sender", sender.provider);
        return Err(status::precondition("NOT_CONNECTABLE", message));
    }
    let before = connection::of(&mut tx, workspace, &[id]).await.map_err(status::store)?.remove(&id);
    let known = before.clone().unwrap_or_else(|| Connection::new(Connected::Disconnected, now));
    // Whose account it was stays known: it is the one that it can be connected to again.
    let after = Connection {
        status: Connected::Disconnected,
        scopes: Vec::new(),
        token_expires_at: None,
        checked_at: now,
        detail: String::new(),
        posting: None,
        warned_at: None,
        ..known
    };
    let mut secrets = account::open(&state.kek, id, &sender.sealed_secrets)?;
    secrets.retain(|name, _| name != ACCESS_TOKEN && name != REFRESH_TOKEN);
    let sender = Sender {
        sealed_secrets: account::seal(&state.kek, id, &secrets)?,
        secret_names: secrets.into_keys().collect(),
        updated_at: now,
        ..sender
    };
    sender::update(&mut tx, &sender).await.map_err(status::store)?;
    connection::put(&mut tx, workspace, id, &after).await.map_err(status::store)?;
    let change =
        Change { workspace, caller: &caller, action: "sender.disconnect", id: id.0, before: before.as_ref(), after: Some(&after), at: now };
    change.record(&mut tx).await?;
    let view = view::one(state, &mut tx, sender).await?;
    commit(tx).await?;
    Ok(DisconnectSenderResponse { sender: Some(view) })
}
