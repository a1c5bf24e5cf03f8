//! FinishConnect: an account becomes the sender's.

use super::{Kept, attempt, connector, open, refused};
use crate::{
    audit::Change,
    convert::commit,
    sender::{account, pause, tasks, view},
    state::State,
};
use domain::role::Role;
use proto::sender::{FinishConnectRequest, FinishConnectResponse};
use providers::{
    RemoteAccount, Tokens,
    oauth::{ACCESS_TOKEN, REFRESH_TOKEN},
};
use runtime::{auth, status};
use store::{
    connection::{self, Connection, Status as Connected},
    oauth,
    sender::{self, Sender},
    sender_task::{self, Kind},
};
use time::OffsetDateTime;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<FinishConnectRequest>) -> Result<FinishConnectResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let workspace = caller.workspace;
    // The network is asked without any lock; what it says is looked over again below.
    let (tokens, remote) = {
        let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
        let (connect, sender) = attempt(state, &mut tx, &caller, &request.connect_id).await?;
        drop(tx);
        if connect.finished_at.is_some() {
            return finished(state, workspace, sender).await;
        }
        let sealed = connect.sealed_tokens.as_deref().ok_or_else(not_ready)?;
        let tokens: Tokens = open::<Kept>(state, connect.connect_id, sealed)?.into();
        let accounts = connector(state, &sender)?.accounts(&tokens).await.map_err(|fault| refused(&fault))?;
        (tokens, choose(accounts, &request.external_id)?)
    };
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    let (connect, sender) = attempt(state, &mut tx, &caller, &request.connect_id).await?;
    if connect.finished_at.is_some() {
        drop(tx);
        return finished(state, workspace, sender).await;
    }
    let (id, now) = (sender.sender_id, state.clock.now());
    sender::lock(&mut tx, workspace, id).await.map_err(status::store)?;
    let before = connection::of(&mut tx, workspace, &[id]).await.map_err(status::store)?.remove(&id);
    same_account(before.as_ref(), &remote)?;
    let after = connected(before.as_ref(), &tokens, &remote, now);
    // Read again: it may have changed while the network was asked.
    let sender = super::existing(&mut tx, workspace, id).await?;
    let sender = with_account(state, sender, &tokens, remote, now)?;
    sender::update(&mut tx, &sender).await.map_err(status::store)?;
    connection::put(&mut tx, workspace, id, &after).await.map_err(status::store)?;
    oauth::finish(&mut tx, workspace, connect.connect_id, now).await.map_err(status::store)?;
    sender_task::put(&mut tx, workspace, id, Kind::Check, now).await.map_err(status::store)?;
    if sender.secret_names.iter().any(|name| name == REFRESH_TOKEN) {
        let next_at = tasks::refresh_at(tokens.expires_at, now);
        sender_task::put(&mut tx, workspace, id, Kind::Refresh, next_at).await.map_err(status::store)?;
    }
    if !view::health_of(&mut tx, &sender).await?.is_paused_by_person() {
        pause::clear(&mut tx, &caller, id, now).await?;
    }
    tasks::resolve(&mut tx, id, &caller.subject, now).await.map_err(status::store)?;
    let change =
        Change { workspace, caller: &caller, action: "sender.connect", id: id.0, before: before.as_ref(), after: Some(&after), at: now };
    change.record(&mut tx).await?;
    let view = view::one(state, &mut tx, sender).await?;
    commit(tx).await?;
    Ok(FinishConnectResponse { sender: Some(view) })
}

/// A repeated call is answered like the first.
async fn finished(state: &State, workspace: domain::WorkspaceId, sender: Sender) -> Result<FinishConnectResponse, Status> {
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    Ok(FinishConnectResponse { sender: Some(view::one(state, &mut tx, sender).await?) })
}

fn not_ready() -> Status {
    status::precondition("NOT_READY", "the person hasn't said yes, or the network refused: see ListConnectable")
}

fn choose(accounts: Vec<RemoteAccount>, external_id: &str) -> Result<RemoteAccount, Status> {
    let only = accounts.len() == 1;
    let chosen = accounts.into_iter().find(|account| account.external_id == external_id || (external_id.is_empty() && only));
    chosen.ok_or_else(|| status::invalid("external_id", "must be one of those that ListConnectable gives"))
}

/// Campaigns name the sender: what they were approved for must not go to another account.
fn same_account(before: Option<&Connection>, remote: &RemoteAccount) -> Result<(), Status> {
    match before.map(|before| before.external_id.as_str()).filter(|id| !id.is_empty()) {
        Some(id) if id != remote.external_id => {
            let handle = before.map(|before| before.handle.clone()).unwrap_or_default();
            Err(status::precondition("OTHER_ACCOUNT", format!("this sender is for {handle}: make another sender for another account")))
        }
        _ => Ok(()),
    }
}

fn connected(before: Option<&Connection>, tokens: &Tokens, remote: &RemoteAccount, now: OffsetDateTime) -> Connection {
    Connection {
        handle: remote.handle.clone(),
        external_id: remote.external_id.clone(),
        scopes: tokens.scopes.clone(),
        // An account's own token ends with the permission, not with the person's token.
        token_expires_at: tokens.expires_at.filter(|_| remote.access_token.is_none()),
        posting: before.and_then(|before| before.posting),
        ..Connection::new(Connected::Connected, now)
    }
}

/// The sender with the account's settings and tokens.
fn with_account(state: &State, sender: Sender, tokens: &Tokens, remote: RemoteAccount, now: OffsetDateTime) -> Result<Sender, Status> {
    let mut secrets = account::open(&state.kek, sender.sender_id, &sender.sealed_secrets)?;
    let refresh = tokens.refresh_token.clone().filter(|_| remote.access_token.is_none());
    secrets.insert(ACCESS_TOKEN.to_owned(), remote.access_token.unwrap_or_else(|| tokens.access_token.clone()));
    match refresh {
        Some(token) => drop(secrets.insert(REFRESH_TOKEN.to_owned(), token)),
        None => drop(secrets.remove(REFRESH_TOKEN)),
    }
    let mut settings = sender.settings.clone();
    settings.extend(remote.settings.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(Sender {
        sealed_secrets: account::seal(&state.kek, sender.sender_id, &secrets)?,
        secret_names: secrets.into_keys().collect(),
        settings,
        updated_at: now,
        ..sender
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use providers::Secret;

    fn remote(id: &str, own: Option<&str>) -> RemoteAccount {
        RemoteAccount { external_id: id.to_owned(), handle: format!("@{id}"), settings: Vec::new(), access_token: own.map(Secret::new) }
    }

    #[test]
    fn the_only_account_need_not_be_named() {
        assert_eq!(choose(vec![remote("1", None)], "").unwrap().external_id, "1");
        assert!(choose(vec![remote("1", None), remote("2", None)], "").is_err());
        assert_eq!(choose(vec![remote("1", None), remote("2", None)], "2").unwrap().external_id, "2");
        assert!(choose(vec![remote("1", None)], "3").is_err());
    }

    #[test]
    fn a_sender_stays_with_its_account() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let known = Connection { external_id: "1".to_owned(), ..Connection::new(Connected::Expired, now) };
        assert!(same_account(None, &remote("2", None)).is_ok() && same_account(Some(&known), &remote("1", None)).is_ok());
        assert!(same_account(Some(&known), &remote("2", None)).is_err());
        assert!(same_account(Some(&Connection::new(Connected::Disconnected, now)), &remote("2", None)).is_ok());
    }

    #[test]
    fn an_accounts_own_token_has_no_end_of_the_persons() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let tokens = Tokens { access_token: Secret::new("a"), refresh_token: None, expires_at: Some(now), scopes: Vec::new() };
        assert_eq!(connected(None, &tokens, &remote("1", Some("own")), now).token_expires_at, None);
        assert_eq!(connected(None, &tokens, &remote("1", None), now).token_expires_at, Some(now));
    }
}
