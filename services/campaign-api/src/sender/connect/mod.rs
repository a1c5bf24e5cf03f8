//! Accounts that people connect in the browser, by OAuth 2.0 with PKCE.
//!
//! `start` makes the address where a person says yes; the network sends the browser back to `callback`, which trades the code for tokens at
//! once and keeps them sealed; `list` shows what they may post as; `finish` makes one of these the sender's account. `disconnect` forgets it.
//! The state and the verifier of an attempt never leave this service but for the state in the browser's address; a state works once.

pub mod callback;
pub mod disconnect;
pub mod finish;
pub mod list;
mod page;
pub mod start;

use super::account;
use crate::state::State;
use domain::SenderId;
use providers::{Connect, Fault, FaultAction, Secret, Tokens};
use ring::{
    digest,
    rand::{SecureRandom as _, SystemRandom},
};
use runtime::{Caller, status};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use store::{
    oauth,
    sender::{self, Sender},
};
use time::OffsetDateTime;
use tonic::Status;
use uuid::Uuid;

/// How long a person may take to say yes.
const ASKED_FOR: Duration = Duration::from_secs(600);
/// How long after that an account may be chosen.
const CHOSEN_WITHIN: Duration = Duration::from_secs(3600);
/// Where networks send the browser back to.
pub const PATH: &str = "/oauth/callback";

/// What is known of an attempt by us alone.
#[derive(Serialize, Deserialize)]
struct Handshake {
    state: Secret,
    verifier: Secret,
}

/// The network's tokens as they are sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    access_token: Secret,
    refresh_token: Option<Secret>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    scopes: Vec<String>,
}

impl From<Tokens> for Kept {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_at,
            scopes: tokens.scopes,
        }
    }
}

impl From<Kept> for Tokens {
    fn from(kept: Kept) -> Self {
        Self { access_token: kept.access_token, refresh_token: kept.refresh_token, expires_at: kept.expires_at, scopes: kept.scopes }
    }
}

fn hash(state: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, state.as_bytes()).as_ref());
    hash
}

fn random() -> Result<Secret, Status> {
    let mut bytes = [0; providers::oauth::RANDOM_BYTES];
    let none = |_| status::internal(&std::io::Error::other("the system gave no randomness"));
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    Ok(Secret::new(providers::oauth::text_of(bytes)))
}

fn seal<T: Serialize>(state: &State, id: Uuid, value: &T) -> Result<Vec<u8>, Status> {
    let json = serde_json::to_vec(value).map_err(|error| status::internal(&error))?;
    state.kek.seal(&json, id.as_bytes()).map_err(|error| status::internal(&error))
}

fn open<T: for<'a> Deserialize<'a>>(state: &State, id: Uuid, sealed: &[u8]) -> Result<T, Status> {
    let json = state.kek.open(sealed, id.as_bytes()).map_err(|error| status::internal(&error))?;
    serde_json::from_slice(&json).map_err(|error| status::internal(&error))
}

/// The sender's provider as it connects accounts, with the sender's app.
fn connector(state: &State, sender: &Sender) -> Result<Arc<dyn Connect>, Status> {
    let provider = providers::find(&sender.provider);
    let make = provider.and_then(|provider| provider.connect).ok_or_else(|| {
        status::precondition("NOT_CONNECTABLE", format!("{} isn't connected in the browser: enter its credentials", sender.provider))
    })?;
    let secrets = account::open(&state.kek, sender.sender_id, &sender.sealed_secrets)?;
    let account = providers::Account { settings: sender.settings.clone(), secrets };
    make(&account).map_err(|error| {
        status::precondition_with("APP_INCOMPLETE", format!("the sender's app can't be used: {error}"), [("field", error.field.as_str())])
    })
}

/// An attempt of the caller with its sender, the attempt locked. What a person may post as is shown to whoever asked them, and to no other
/// admin.
async fn attempt(state: &State, tx: &mut store::Tx, caller: &Caller, id: &str) -> Result<(oauth::Connect, Sender), Status> {
    let id: Uuid = status::id("connect_id", id)?;
    let connect = oauth::lock(tx, caller.workspace, id).await.map_err(status::store)?;
    let connect = connect.filter(|connect| connect.actor == caller.subject);
    let connect = connect.filter(|connect| connect.created_at + ASKED_FOR + CHOSEN_WITHIN > state.clock.now());
    let connect = connect.ok_or_else(|| status::not_found("connect"))?;
    Ok((connect.clone(), existing(tx, caller.workspace, connect.sender_id).await?))
}

async fn existing(tx: &mut store::Tx, workspace: domain::WorkspaceId, id: SenderId) -> Result<Sender, Status> {
    let sender = sender::get(tx, workspace, id).await.map_err(status::store)?;
    sender.ok_or_else(|| status::not_found("sender"))
}

/// What a network's no means to the caller.
fn refused(fault: &Fault) -> Status {
    match fault.action {
        FaultAction::Retry { .. } | FaultAction::Throttle { .. } => {
            status::unavailable("NETWORK_UNAVAILABLE", &std::io::Error::other(format!("{}: {}", fault.code, fault.detail)))
        }
        _ => status::precondition_with("NETWORK_REFUSED", fault.detail.clone(), [("code", fault.code.as_str())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_their_seal() {
        let tokens = Tokens {
            access_token: Secret::new("at"),
            refresh_token: Some(Secret::new("rt")),
            expires_at: Some(OffsetDateTime::UNIX_EPOCH),
            scopes: vec!["a".to_owned()],
        };
        let json = serde_json::to_vec(&Kept::from(tokens.clone())).unwrap();
        let back: Kept = serde_json::from_slice(&json).unwrap();
        assert_eq!(Tokens::from(back), tokens);
    }

    #[test]
    fn states_are_long_and_never_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert!(one != other && hash(one.expose()) != hash(other.expose()));
    }
}
