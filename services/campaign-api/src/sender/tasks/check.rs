//! Tests a connection and keeps what was found out.

use super::Job;
use providers::{Checked, Fault, FaultAction};
use std::time::Duration;
use store::{
    connection::{self, Connection, Posting, Status},
    sender_task::{self, Ended},
};
use time::OffsetDateTime;

/// How often an account is tested that nobody asks about.
const EVERY: Duration = Duration::from_secs(6 * 3600);

pub(super) async fn run(job: &Job<'_>) -> anyhow::Result<Ended> {
    let Some(manage) = job.manage()? else { return Ok(Ended::Over) };
    let found = manage.check().await;
    let mut tx = job.state.db.tenant(job.sender.workspace_id).await?;
    let (workspace, id) = (job.sender.workspace_id, job.sender.sender_id);
    let before = connection::of(&mut tx, workspace, &[id]).await?.remove(&id);
    let now = job.state.clock.now();
    if before.as_ref().is_some_and(|before| before.checked_at > job.now) {
        // Somebody found out more while this asked.
        return Ok(Ended::Done { next_at: now + EVERY, since: None });
    }
    let refused = matches!(&found, Err(fault) if fault.action == FaultAction::Reconnect);
    let after = look(before, found, now);
    let asked = wanted(&after);
    let after = super::refresh::warn(&mut tx, job, after, now).await?;
    if refused {
        sender_task::ask_refresh(&mut tx, id, now).await?;
    }
    connection::put(&mut tx, workspace, id, &after).await?;
    tx.commit().await.map_err(store::Error::from)?;
    // What could not be asked is asked again soon; what was refused, a person has to mend.
    Ok(if asked {
        Ended::Done { next_at: now + EVERY, since: None }
    } else {
        Ended::Failed { next_at: now + super::wait(job.task.failures) }
    })
}

/// Whether the provider gave an answer, be it yes or no.
fn wanted(found: &Connection) -> bool {
    found.status != Status::Error
}

/// What is known of a connection after a test.
pub(in super::super) fn look(before: Option<Connection>, found: Result<Checked, Fault>, now: OffsetDateTime) -> Connection {
    let before = before.unwrap_or_else(|| Connection::new(Status::Connected, now));
    match found {
        Ok(checked) => Connection {
            status: Status::Connected,
            handle: kept(checked.handle, before.handle),
            external_id: kept(checked.external_id, before.external_id),
            scopes: if checked.scopes.is_empty() { before.scopes } else { checked.scopes },
            token_expires_at: checked.token_expires_at.or(before.token_expires_at),
            posting: checked.posting.map(|quota| Posting { limit: quota.limit, used: quota.used, resets_at: quota.resets_at }),
            detail: String::new(),
            checked_at: now,
            warned_at: before.warned_at,
        },
        Err(fault) => {
            let status = match fault.action {
                FaultAction::PauseSender | FaultAction::Reconnect => Status::Expired,
                _ => Status::Error,
            };
            Connection { status, detail: format!("{}: {}", fault.code, fault.detail), checked_at: now, ..before }
        }
    }
}

/// What the provider doesn't tell stays as it was.
fn kept(new: String, old: String) -> String {
    if new.is_empty() { old } else { new }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_has_expired_and_silence_says_nothing_of_it() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let known = Connection { handle: "@fanfare".to_owned(), ..Connection::new(Status::Connected, now) };
        let expired = look(Some(known.clone()), Err(Fault::new("190", FaultAction::PauseSender, "the token has expired")), now);
        assert_eq!(
            (expired.status, expired.handle.as_str(), expired.detail.as_str()),
            (Status::Expired, "@fanfare", "190: the token has expired")
        );
        let silent = look(Some(known), Err(Fault::new("timeout", FaultAction::Retry { after: None, at_most: None }, "no answer")), now);
        assert!(silent.status == Status::Error && !wanted(&silent));
        let again = look(Some(expired), Ok(Checked::default()), now);
        assert_eq!((again.status, again.handle.as_str(), again.detail.as_str()), (Status::Connected, "@fanfare", ""));
    }
}
