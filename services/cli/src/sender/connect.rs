//! `fanfare sender connect`, `test` and `disconnect`: accounts that people connect in the browser, and what is known of them.

use crate::{
    resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use proto::sender::{
    ConnectState, ConnectionStatus, DisconnectSenderRequest, FinishConnectRequest, ListConnectableRequest, ListConnectableResponse, Sender,
    SenderConnection, StartConnectRequest, TestSenderRequest,
};
use std::time::Duration;

/// How often the hub is asked whether the person has said yes.
const ASK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Name or id
    sender: String,
    /// Which account, where the person may post as several: its id or its handle
    #[arg(long)]
    account: Option<String>,
    /// Go on with an attempt that was begun before, by its id
    #[arg(long)]
    attempt: Option<String>,
}

/// # Errors
/// When the hub or the network refuses, or nobody says yes in time.
pub async fn run(args: ConnectArgs, session: &Session) -> Result<()> {
    let connect_id = match args.attempt {
        Some(attempt) => attempt,
        None => begin(&args.sender, session).await?,
    };
    let found = wait(&connect_id, session).await?;
    let external_id = match choose(&found, args.account.as_deref()) {
        Some(id) => id,
        None => bail!("{}", several(&found, &args.sender, &connect_id)),
    };
    let answer = session.senders().finish_connect(FinishConnectRequest { connect_id, external_id }).await?.into_inner();
    let sender = answer.sender.context("the hub's answer has no sender")?;
    session.output.message(&sender, |sender| format!("{}  {}: {}", sender.id, sender.name, badge(sender)))
}

async fn begin(sender: &str, session: &Session) -> Result<String> {
    let request = StartConnectRequest { sender_id: resolve::sender(session, sender).await?, request_id: request_id() };
    let started = session.senders().start_connect(request).await?.into_inner();
    let shown = serde_json::json!({"connect_id": started.connect_id, "authorize_url": started.authorize_url});
    session.output.value(&shown, &format!("Open this in a browser, and say yes there:\n\n  {}\n", started.authorize_url))?;
    Ok(started.connect_id)
}

/// Waits until the person has said yes.
async fn wait(connect_id: &str, session: &Session) -> Result<ListConnectableResponse> {
    loop {
        let request = ListConnectableRequest { connect_id: connect_id.to_owned() };
        let found = session.senders().list_connectable(request).await?.into_inner();
        match found.state() {
            ConnectState::Ready => return Ok(found),
            ConnectState::Finished => bail!("an account was chosen already"),
            ConnectState::Failed => bail!("not connected: {}", found.detail),
            ConnectState::Waiting | ConnectState::Unspecified => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

fn choose(found: &ListConnectableResponse, named: Option<&str>) -> Option<String> {
    let mut fitting =
        found.accounts.iter().filter(|account| named.is_none_or(|name| account.external_id == name || account.handle == name));
    let first = fitting.next()?;
    fitting.next().is_none().then(|| first.external_id.clone())
}

fn several(found: &ListConnectableResponse, sender: &str, connect_id: &str) -> String {
    if found.accounts.is_empty() {
        return "the network knows of no account that could be posted as".to_owned();
    }
    let accounts: Vec<_> = found.accounts.iter().map(|account| format!("  {}  {}", account.external_id, account.handle)).collect();
    format!("choose one of these: fanfare sender connect {sender:?} --attempt {connect_id} --account …\n{}", accounts.join("\n"))
}

/// # Errors
/// When the hub refuses.
pub async fn test(sender: &str, session: &Session) -> Result<()> {
    let request = TestSenderRequest { id: resolve::sender(session, sender).await? };
    let answer = session.senders().test_sender(request).await?.into_inner();
    let sender = answer.sender.context("the hub's answer has no sender")?;
    let testable = answer.testable;
    session.output.message(&sender, |sender| match testable {
        true => format!("{}  {}: {}", sender.id, sender.name, badge(sender)),
        false => format!("{}  {}: {} can't be tested without sending", sender.id, sender.name, sender.provider),
    })
}

/// # Errors
/// When the hub refuses.
pub async fn disconnect(sender: &str, session: &Session) -> Result<()> {
    let request = DisconnectSenderRequest { id: resolve::sender(session, sender).await? };
    let sender = session.senders().disconnect_sender(request).await?.into_inner().sender.context("the hub's answer has no sender")?;
    session.output.message(&sender, |sender| format!("{}  {}: {}", sender.id, sender.name, badge(sender)))
}

/// How the account stands, in a few words; nothing when it was never looked at.
pub fn badge(sender: &Sender) -> String {
    let Some(connection) = &sender.connection else { return "not tested yet".to_owned() };
    let mut words = vec![state(connection).to_owned()];
    words.extend(Some(connection.handle.clone()).filter(|handle| !handle.is_empty()));
    words.extend(connection.posting.map(|posting| format!("{} of {} posts used", posting.used, posting.limit)));
    words.extend(connection.token_expires_at.map(|end| format!("token until {end}")));
    words.extend(Some(connection.detail.clone()).filter(|detail| !detail.is_empty()));
    words.join(", ")
}

fn state(connection: &SenderConnection) -> &'static str {
    match connection.status() {
        ConnectionStatus::Connected => "connected",
        ConnectionStatus::Expired => "EXPIRED",
        ConnectionStatus::Error => "ERROR",
        ConnectionStatus::Disconnected => "DISCONNECTED",
        ConnectionStatus::Unspecified => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::sender::{ConnectableAccount, PostingLimit};

    fn found(accounts: &[(&str, &str)]) -> ListConnectableResponse {
        let one = |(id, handle): &(&str, &str)| ConnectableAccount { external_id: (*id).to_owned(), handle: (*handle).to_owned() };
        ListConnectableResponse { state: ConnectState::Ready.into(), accounts: accounts.iter().map(one).collect(), ..Default::default() }
    }

    #[test]
    fn the_only_account_is_taken_and_several_are_shown() {
        assert_eq!(choose(&found(&[("1", "Acme")]), None).as_deref(), Some("1"));
        let two = found(&[("1", "Acme"), ("2", "Other")]);
        assert_eq!(
            (choose(&two, None), choose(&two, Some("Other")).as_deref(), choose(&two, Some("1")).as_deref()),
            (None, Some("2"), Some("1"))
        );
        assert!(several(&two, "X", "7").contains("--attempt 7") && several(&two, "X", "7").ends_with("  2  Other"));
        assert!(several(&found(&[]), "X", "7").contains("no account"));
    }

    #[test]
    fn a_badge_says_what_matters() {
        let connection = SenderConnection {
            status: ConnectionStatus::Connected.into(),
            handle: "@acme".to_owned(),
            posting: Some(PostingLimit { limit: 50, used: 7, resets_at: None }),
            ..SenderConnection::default()
        };
        assert_eq!(badge(&Sender { connection: Some(connection), ..Sender::default() }), "connected, @acme, 7 of 50 posts used");
        assert_eq!(badge(&Sender::default()), "not tested yet");
    }
}
