//! `GET /oauth/callback`: the browser comes back with a code, or with a no.
//!
//! Nobody is logged in here. The state names an attempt that somebody who was has begun, and works once. The code is worth nothing without
//! the verifier, which never left this service. The page says the same to all who bring no state of ours.

use super::{Handshake, Kept, connector, existing, hash, open, page, seal};
use crate::state::State;
use axum::{
    Router,
    extract::{RawQuery, State as Extract},
    response::Response,
    routing::get,
};
use domain::WorkspaceId;
use providers::{Secret, Tokens};
use runtime::status;
use store::oauth::{self, Connect};
use tonic::Status;
use url::form_urlencoded;
use uuid::Uuid;

const STATE_MAX: usize = 128;
const CODE_MAX: usize = 4_096;
/// What a network says of a no, at most; it goes no further than the attempt.
const REASON_MAX: usize = 200;

pub fn routes(state: State) -> Router {
    Router::new().route(super::PATH, get(come)).with_state(state)
}

/// What the browser brings.
#[derive(Default)]
struct Brought {
    state: String,
    code: String,
    error: String,
}

impl Brought {
    fn read(query: &str) -> Self {
        let mut brought = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "state" if value.len() <= STATE_MAX => brought.state = value.into_owned(),
                "code" if value.len() <= CODE_MAX => brought.code = value.into_owned(),
                "error" | "error_reason" if brought.error.is_empty() => brought.error = plain(&value),
                _ => {}
            }
        }
        brought
    }
}

/// A word of the network's own, without anything that isn't one.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(REASON_MAX).collect()
}

async fn come(Extract(state): Extract<State>, RawQuery(query): RawQuery) -> Response {
    let brought = Brought::read(query.as_deref().unwrap_or_default());
    match taken(&state, &brought.state).await {
        Ok(Some(connect)) => {
            let outcome = if brought.code.is_empty() { Err(refusal(&brought.error)) } else { trade(&state, &connect, brought.code).await };
            keep(&state, &connect, outcome).await
        }
        Ok(None) => page::strange(),
        Err(error) => {
            tracing::warn!(error = error.message(), "an account that is being connected could not be looked up");
            page::broken()
        }
    }
}

fn refusal(error: &str) -> String {
    if error.is_empty() { "the network sent no code".to_owned() } else { format!("the network said: {error}") }
}

/// The attempt of that state, from now on used.
async fn taken(state: &State, text: &str) -> Result<Option<Connect>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let owner: Option<(WorkspaceId, Uuid)> = {
        let mut tx = state.db.begin().await.map_err(status::store)?;
        oauth::owner(&mut tx, &hash(text)).await.map_err(status::store)?
    };
    let Some((workspace, id)) = owner else { return Ok(None) };
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    let connect = oauth::come(&mut tx, workspace, id, state.clock.now()).await.map_err(status::store)?;
    crate::convert::commit(tx).await?;
    Ok(connect)
}

/// Trades the code; the error is for a person.
async fn trade(state: &State, connect: &Connect, code: String) -> Result<Tokens, String> {
    let prepared = async {
        let mut tx = state.db.tenant(connect.workspace_id).await.map_err(status::store)?;
        let sender = existing(&mut tx, connect.workspace_id, connect.sender_id).await?;
        let handshake: Handshake = open(state, connect.connect_id, &connect.sealed)?;
        Ok::<_, Status>((connector(state, &sender)?, handshake))
    };
    let (connector, handshake) = prepared.await.map_err(|status| status.message().to_owned())?;
    let tokens = connector.exchange(&Secret::new(code), &handshake.verifier, &connect.redirect_url).await;
    tokens.map_err(|fault| format!("{}: {}", fault.code, fault.detail))
}

async fn keep(state: &State, connect: &Connect, outcome: Result<Tokens, String>) -> Response {
    let (sealed, failure) = match outcome {
        Ok(tokens) => match seal(state, connect.connect_id, &Kept::from(tokens)) {
            Ok(sealed) => (Some(sealed), String::new()),
            Err(error) => (None, error.message().to_owned()),
        },
        Err(failure) => (None, failure),
    };
    let written = async {
        let mut tx = state.db.tenant(connect.workspace_id).await.map_err(status::store)?;
        oauth::keep(&mut tx, connect.workspace_id, connect.connect_id, sealed.as_deref(), &failure).await.map_err(status::store)?;
        crate::convert::commit(tx).await
    };
    match written.await {
        Ok(()) if failure.is_empty() => page::connected(),
        Ok(()) => page::refused(),
        Err(error) => {
            tracing::warn!(error = error.message(), "what a network gave could not be kept");
            page::broken()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_brings_is_read_within_limits() {
        let brought = Brought::read("code=a%2Fb&state=s&error=access_denied%3Cscript%3E&error_description=x");
        assert_eq!((brought.code.as_str(), brought.state.as_str(), brought.error.as_str()), ("a/b", "s", "access_deniedscript"));
        let long = Brought::read(&format!("state={}&code={}", "s".repeat(STATE_MAX + 1), "c".repeat(CODE_MAX + 1)));
        assert!(long.state.is_empty() && long.code.is_empty());
    }
}
