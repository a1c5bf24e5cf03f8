//! StartConnect.

use super::{ASKED_FOR, Handshake, PATH, connector, existing, hash, open, random, seal};
use crate::{
    audit::Change,
    convert::{commit, request_id, timestamp},
    state::State,
};
use domain::{SenderId, role::Role};
use proto::sender::{StartConnectRequest, StartConnectResponse};
use providers::Connect;
use runtime::{auth, status};
use serde::Serialize;
use store::{oauth, request};
use tonic::{Request, Status};
use uuid::Uuid;

/// What the audit log keeps of it.
#[derive(Serialize)]
struct Started<'a> {
    connect_id: Uuid,
    provider: &'a str,
    redirect_url: &'a str,
}

pub async fn run(state: &State, request: Request<StartConnectRequest>) -> Result<StartConnectResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let sender_id: SenderId = status::id("sender_id", &request.sender_id)?;
    let key = request_id(&request.request_id)?.to_owned();
    let (connect_id, now) = (Uuid::now_v7(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let sender = existing(&mut tx, caller.workspace, sender_id).await?;
    let redirect_url = format!("{}{PATH}", own_url(state)?);
    let connector = connector(state, &sender)?;
    let claimed = request::claim(&mut tx, caller.workspace, "StartConnect", &key, connect_id, now).await.map_err(status::store)?;
    if let Some(first) = claimed {
        let first = oauth::lock(&mut tx, caller.workspace, first).await.map_err(status::store)?;
        let first = first.filter(|first| first.actor == caller.subject).ok_or_else(|| status::not_found("connect"))?;
        let handshake: Handshake = open(state, first.connect_id, &first.sealed)?;
        return Ok(answer(&first, &handshake, &*connector));
    }
    let handshake = Handshake { state: random()?, verifier: random()? };
    let connect = oauth::Connect {
        connect_id,
        workspace_id: caller.workspace,
        sender_id,
        actor: caller.subject.clone(),
        sealed: seal(state, connect_id, &handshake)?,
        redirect_url,
        created_at: now,
        expires_at: now + ASKED_FOR,
        came_at: None,
        sealed_tokens: None,
        failure: String::new(),
        finished_at: None,
    };
    oauth::insert(&mut tx, &connect, &hash(handshake.state.expose())).await.map_err(status::store)?;
    let started = Started { connect_id, provider: &sender.provider, redirect_url: &connect.redirect_url };
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "sender.start_connect",
        id: sender_id.0,
        before: None,
        after: Some(&started),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(answer(&connect, &handshake, &*connector))
}

fn answer(connect: &oauth::Connect, handshake: &Handshake, connector: &dyn Connect) -> StartConnectResponse {
    let challenge = providers::oauth::challenge(handshake.verifier.expose());
    StartConnectResponse {
        connect_id: connect.connect_id.to_string(),
        authorize_url: connector.authorize_url(handshake.state.expose(), &challenge, &connect.redirect_url).to_string(),
        expires_at: Some(timestamp(connect.expires_at)),
    }
}

/// Where browsers reach this service.
fn own_url(state: &State) -> Result<&str, Status> {
    let none = || {
        let message = "this hub doesn't say where browsers reach it (FANFARE_API_URL): enter an access token instead, or ask its operator";
        status::precondition("NO_API_URL", message)
    };
    state.api_url.as_deref().ok_or_else(none)
}
