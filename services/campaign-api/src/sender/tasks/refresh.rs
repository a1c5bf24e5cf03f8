//! Refreshes a token before it ends, or at once when its provider doesn't take it any more; and warns of tokens that only a person can
//! renew.
//!
//! Where a refresh token works once (X), the new pair is lost when this process dies between the network's answer and our commit: then the
//! account must be connected again. Two replicas never refresh the same token: the task is taken by one.

use super::{Job, wait};
use crate::{inbound::ORIGIN, sender::account, state::State};
use providers::{
    Connect, Fault, FaultAction, Secret, Tokens,
    oauth::{ACCESS_TOKEN, REFRESH_TOKEN},
};
use std::{sync::Arc, time::Duration};
use store::{
    alert::{self, Raise, kind},
    connection::{self, Connection, Status},
    sender::{self, Sender},
    sender_state,
    sender_task::{self, Ended, Kind, Task},
};
use time::OffsetDateTime;

/// How long before its end a token is refreshed: an eighth of its life, within these.
const LEAST_AHEAD: Duration = Duration::from_secs(300);
const MOST_AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a token is refreshed whose end isn't known.
const WITHOUT_END: Duration = Duration::from_secs(24 * 3600);
/// How long before the end of a token that can't be refreshed people are told, first and last.
const WARNINGS: [time::Duration; 2] = [time::Duration::days(7), time::Duration::days(1)];

/// When a token that was given out `now` is to be refreshed.
pub(in super::super) fn refresh_at(expires_at: Option<OffsetDateTime>, now: OffsetDateTime) -> OffsetDateTime {
    let Some(end) = expires_at else { return now + WITHOUT_END };
    let life = Duration::try_from(end - now).unwrap_or_default();
    let at = end - (life / 8).clamp(LEAST_AHEAD, MOST_AHEAD);
    // One that lives shorter than that is refreshed at once, but not without a pause.
    at.max(now + Duration::from_secs(30))
}

pub(super) async fn run(job: &Job<'_>) -> anyhow::Result<Ended> {
    let Some(make) = job.provider.connect else { return Ok(Ended::Over) };
    let Some(token) = job.account.secrets.get(REFRESH_TOKEN) else { return Ok(Ended::Over) };
    let answer = match make(&job.account) {
        Ok(connect) => ask(&connect, token).await,
        // The app's id or secret is missing: a person has to mend it.
        Err(error) => Err(Fault::new("app_incomplete", FaultAction::PauseSender, &error.to_string())),
    };
    match answer {
        Ok(tokens) => keep(job, token, tokens).await,
        Err(fault) if matches!(fault.action, FaultAction::Retry { .. } | FaultAction::Throttle { .. }) => {
            tracing::warn!(sender.id = %job.sender.sender_id, code = fault.code, "a token could not be refreshed; it is tried again");
            Ok(Ended::Failed { next_at: job.state.clock.now() + wait(job.task.failures) })
        }
        Err(fault) => end(job, token, &fault).await,
    }
}

async fn ask(connect: &Arc<dyn Connect>, token: &Secret) -> Result<Tokens, Fault> {
    connect.refresh(token).await
}

/// The sender as it is now, locked; None when its token was changed meanwhile: the newer one counts.
async fn current(state: &State, tx: &mut store::Tx, sender: &Sender, used: &Secret) -> anyhow::Result<Option<Sender>> {
    sender::lock(tx, sender.workspace_id, sender.sender_id).await?;
    let Some(now) = sender::get(tx, sender.workspace_id, sender.sender_id).await? else { return Ok(None) };
    let account = super::opened(state, &now)?;
    Ok((account.secrets.get(REFRESH_TOKEN) == Some(used)).then_some(now))
}

async fn keep(job: &Job<'_>, used: &Secret, tokens: Tokens) -> anyhow::Result<Ended> {
    let (state, workspace, id) = (job.state, job.sender.workspace_id, job.sender.sender_id);
    let now = state.clock.now();
    let mut tx = state.db.tenant(workspace).await?;
    let Some(sender) = current(state, &mut tx, &job.sender, used).await? else {
        return Ok(Ended::Done { next_at: refresh_at(None, now), since: None });
    };
    let mut secrets = super::opened(state, &sender)?.secrets;
    secrets.insert(ACCESS_TOKEN.to_owned(), tokens.access_token.clone());
    // Without a new one the old one stays good (RFC 6749, 6).
    if let Some(token) = &tokens.refresh_token {
        secrets.insert(REFRESH_TOKEN.to_owned(), token.clone());
    }
    let sealed_secrets = account::seal(&state.kek, id, &secrets).map_err(|status| anyhow::anyhow!("{}", status.message()))?;
    let sender = Sender { sealed_secrets, secret_names: secrets.into_keys().collect(), updated_at: now, ..sender };
    sender::update(&mut tx, &sender).await?;
    let before = connection::of(&mut tx, workspace, &[id]).await?.remove(&id);
    let before = before.unwrap_or_else(|| Connection::new(Status::Connected, now));
    let scopes = if tokens.scopes.is_empty() { before.scopes } else { tokens.scopes };
    let after = Connection {
        status: Status::Connected,
        scopes,
        token_expires_at: tokens.expires_at,
        checked_at: now,
        detail: String::new(),
        warned_at: None,
        ..before
    };
    connection::put(&mut tx, workspace, id, &after).await?;
    tx.commit().await.map_err(store::Error::from)?;
    tracing::info!(sender.id = %id, "a token was refreshed");
    Ok(Ended::Done { next_at: refresh_at(tokens.expires_at, now), since: None })
}

/// The network gives no more tokens: only a person can connect the account again.
async fn end(job: &Job<'_>, used: &Secret, fault: &Fault) -> anyhow::Result<Ended> {
    let (state, workspace, id) = (job.state, job.sender.workspace_id, job.sender.sender_id);
    let now = state.clock.now();
    let mut tx = state.db.tenant(workspace).await?;
    if current(state, &mut tx, &job.sender, used).await?.is_none() {
        return Ok(Ended::Done { next_at: refresh_at(None, now), since: None });
    }
    let before = connection::of(&mut tx, workspace, &[id]).await?.remove(&id);
    let before = before.unwrap_or_else(|| Connection::new(Status::Expired, now));
    let detail = format!("{}: {}", fault.code, fault.detail);
    connection::put(&mut tx, workspace, id, &Connection { status: Status::Expired, detail, checked_at: now, ..before }).await?;
    sender_state::pause(&mut tx, id, &fault.code, &fault.detail, now).await?;
    let words = format!("Its token can't be refreshed ({}). Connect the account again.", fault.detail);
    raise(&mut tx, job, kind::SENDER_PAUSED, &fault.code, &words, now).await?;
    // While the old token still works a test would call the account well.
    let check = Task { kind: Kind::Check, ..job.task.clone() };
    sender_task::end(&mut tx, &check, Ended::Over, job.now, now).await?;
    tx.commit().await.map_err(store::Error::from)?;
    tracing::error!(sender.id = %id, code = fault.code, "a token can't be refreshed: its sender is paused");
    Ok(Ended::Over)
}

/// Tells people that a token ends soon that can't be refreshed: a week before, and a day before. Answers with what is known then.
pub(super) async fn warn(tx: &mut store::Tx, job: &Job<'_>, found: Connection, now: OffsetDateTime) -> anyhow::Result<Connection> {
    let can_refresh = job.account.secrets.contains_key(REFRESH_TOKEN);
    if can_refresh || found.status != Status::Connected || !is_due(&found, now) {
        return Ok(found);
    }
    let left = found.token_expires_at.map(|end| end - now).unwrap_or_default();
    let words = if left.is_positive() {
        format!("Its token ends in {} hours. Connect the account again before.", left.whole_hours().max(1))
    } else {
        "Its token has ended. Connect the account again.".to_owned()
    };
    raise(tx, job, kind::TOKEN_EXPIRES, "", &words, now).await?;
    Ok(Connection { warned_at: Some(now), ..found })
}

/// Whether a moment to warn has come since the last warning.
fn is_due(found: &Connection, now: OffsetDateTime) -> bool {
    let Some(end) = found.token_expires_at else { return false };
    let come = WARNINGS.iter().map(|ahead| end - *ahead).filter(|moment| *moment <= now).max();
    come.is_some_and(|moment| found.warned_at.is_none_or(|warned| warned < moment))
}

async fn raise(tx: &mut store::Tx, job: &Job<'_>, kind: &'static str, code: &str, detail: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let raise = Raise {
        workspace_id: job.sender.workspace_id,
        campaign_id: None,
        sender_id: Some(job.sender.sender_id),
        channel: Some(job.sender.channel),
        kind,
        code,
        detail,
    };
    outbox::raise_alert(tx, ORIGIN, &raise, &runtime::traceparent::current(), now).await?;
    Ok(())
}

/// What a new token puts right.
///
/// # Errors
/// When the database fails.
pub(in super::super) async fn resolve(tx: &mut store::Tx, sender: domain::SenderId, by: &str, now: OffsetDateTime) -> store::Result<()> {
    alert::resolve(tx, None, Some(sender), &[kind::TOKEN_EXPIRES], by, now).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn tokens_are_refreshed_well_before_their_end() {
        let after = |life: Duration| refresh_at(Some(NOW + life), NOW) - NOW;
        assert_eq!(after(Duration::from_secs(7_200)), time::Duration::minutes(105), "X: two hours");
        assert_eq!(after(Duration::from_secs(60 * 86_400)), time::Duration::days(53), "LinkedIn: sixty days");
        assert_eq!(after(Duration::from_secs(60)), time::Duration::seconds(30), "never without a pause");
        assert_eq!(refresh_at(None, NOW) - NOW, time::Duration::days(1));
    }

    #[test]
    fn people_are_told_a_week_and_a_day_before() {
        let ends = |days: i64, warned: Option<i64>| Connection {
            token_expires_at: Some(NOW + time::Duration::days(days)),
            warned_at: warned.map(|ago| NOW - time::Duration::days(ago)),
            ..Connection::new(Status::Connected, NOW)
        };
        assert!(!is_due(&ends(8, None), NOW) && is_due(&ends(6, None), NOW));
        assert!(!is_due(&ends(3, Some(3)), NOW), "told at the week's beginning");
        assert!(is_due(&ends(1, Some(6)), NOW) && !is_due(&ends(0, Some(1)), NOW));
        assert!(!is_due(&Connection::new(Status::Connected, NOW), NOW));
    }
}
