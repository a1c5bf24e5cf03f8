//! Work that a sender needs now and then: its connection tested, its token refreshed, templates and opt-outs read from its provider.
//!
//! campaign-api's replicas share it: each takes what is due for a while, of whatever workspace, does it in a transaction of that workspace,
//! and says when it is due next. A replica that dies with a task gives it back when that while has passed.

use crate::{Error, PgConnection, Result};
use domain::{SenderId, WorkspaceId};
use std::{fmt, str::FromStr, time::Duration};
use time::OffsetDateTime;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Check,
    Refresh,
    Templates,
    OptOuts,
}

/// The text is not the name of a kind of work.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of work {0:?}")]
pub struct UnknownKind(String);

impl Kind {
    pub const ALL: [Self; 4] = [Self::Check, Self::Refresh, Self::Templates, Self::OptOuts];

    /// The name used in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Refresh => "refresh",
            Self::Templates => "templates",
            Self::OptOuts => "opt_outs",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A piece of work that was taken.
#[derive(Debug, Clone)]
pub struct Task {
    pub sender_id: SenderId,
    pub workspace_id: WorkspaceId,
    pub kind: Kind,
    /// How often in a row it has failed.
    pub failures: u32,
    /// Where it goes on.
    pub since: Option<OffsetDateTime>,
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Done; next time then, from `since` on.
    Done { next_at: OffsetDateTime, since: Option<OffsetDateTime> },
    /// To be tried again then.
    Failed { next_at: OffsetDateTime },
    /// There is nothing to do of this kind for the sender any more.
    Over,
}

/// Takes up to `limit` pieces of work that are due, of all workspaces; nobody else takes them before `hold` has passed. In a transaction of
/// its own, which does nothing else: for the rest of it, all work of all workspaces is in sight.
///
/// # Errors
/// When a statement fails.
pub async fn take(connection: &mut PgConnection, limit: i64, hold: Duration, now: OffsetDateTime) -> Result<Vec<Task>> {
    sqlx::query!("SELECT set_config('fanfare.due_tasks', 'on', true)").fetch_one(&mut *connection).await?;
    let rows = sqlx::query!(
        "UPDATE core.sender_task t SET claimed_until = $2::timestamptz + make_interval(secs => $3)
         FROM (SELECT sender_id, kind FROM core.sender_task
               WHERE next_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2) ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
         WHERE t.sender_id = due.sender_id AND t.kind = due.kind
         RETURNING t.sender_id, t.workspace_id, t.kind, t.failures, t.since",
        limit,
        now,
        hold.as_secs_f64()
    )
    .fetch_all(connection)
    .await?;
    let task = |kind: &str| kind.parse().map_err(|error: UnknownKind| Error::Corrupt { what: "kind of work", reason: error.to_string() });
    rows.into_iter()
        .map(|row| {
            Ok(Task {
                sender_id: row.sender_id.into(),
                workspace_id: row.workspace_id.into(),
                kind: task(&row.kind)?,
                failures: row.failures.unsigned_abs(),
                since: row.since,
            })
        })
        .collect()
}

/// Sees to it that a sender's work of a kind is done by then. What is due sooner stays so; what is under way is done once more.
///
/// # Errors
/// When the statement fails.
pub async fn put(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    kind: Kind,
    next_at: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.sender_task AS t (sender_id, kind, workspace_id, next_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (sender_id, kind) DO UPDATE SET next_at =
             CASE WHEN t.claimed_until > now() THEN excluded.next_at ELSE least(t.next_at, excluded.next_at) END",
        sender.0,
        kind.as_str(),
        workspace.0,
        next_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down how a piece of work ended. What was asked for meanwhile stays asked for.
///
/// # Errors
/// When the statement fails.
pub async fn end(connection: &mut PgConnection, task: &Task, ended: Ended, begun_at: OffsetDateTime, now: OffsetDateTime) -> Result<()> {
    let (next_at, done, since) = match ended {
        Ended::Done { next_at, since } => (next_at, true, since),
        Ended::Failed { next_at } => (next_at, false, None),
        Ended::Over => {
            sqlx::query!("DELETE FROM core.sender_task WHERE sender_id = $1 AND kind = $2", task.sender_id.0, task.kind.as_str())
                .execute(connection)
                .await?;
            return Ok(());
        }
    };
    sqlx::query!(
        "UPDATE core.sender_task SET next_at = CASE WHEN next_at > $3 THEN least(next_at, $4) ELSE $4 END, claimed_until = NULL,
             failures = CASE WHEN $5 THEN 0 ELSE failures + 1 END, done_at = CASE WHEN $5 THEN $7 ELSE done_at END,
             since = coalesce($6, since)
         WHERE sender_id = $1 AND kind = $2",
        task.sender_id.0,
        task.kind.as_str(),
        begun_at,
        next_at,
        done,
        since,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How long after a refresh a refused token may still be the old one: accounts are kept in memory, and tries are under way.
const OLD_TOKEN: Duration = Duration::from_secs(60);
/// How long after a refresh a refused token is a new one that isn't taken either.
const NEW_TOKEN: Duration = Duration::from_secs(600);

/// Asks for a sender's token to be refreshed at once, because its provider doesn't take it any more. False when that wouldn't help: nobody
/// can refresh it, the last try to do so failed, or it was refreshed a moment ago and isn't taken either.
///
/// # Errors
/// When the statement fails.
pub async fn ask_refresh(connection: &mut PgConnection, sender: SenderId, now: OffsetDateTime) -> Result<bool> {
    let asked = sqlx::query!(
        "UPDATE core.sender_task SET next_at = CASE WHEN done_at > $2::timestamptz - make_interval(secs => $3) THEN next_at
                                                    ELSE least(next_at, $2) END
         WHERE sender_id = $1 AND kind = 'refresh' AND failures = 0
           AND (done_at IS NULL OR done_at > $2::timestamptz - make_interval(secs => $3) OR done_at < $2::timestamptz - make_interval(secs => $4))",
        sender.0,
        now,
        OLD_TOKEN.as_secs_f64(),
        NEW_TOKEN.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(asked.rows_affected() == 1)
}
