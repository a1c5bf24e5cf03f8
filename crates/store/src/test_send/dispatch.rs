//! What the dispatchers do with tests: take those that the sender's pace lets go, and write down what became of them.
//!
//! A message is marked before it is handed over, and never taken twice: there is no lease. What a dead worker held can't be known.

use super::{OPTED_OUT, TestState};
use crate::{Result, gate};
use domain::{
    Channel, SenderId, WorkerId, WorkspaceId,
    rate::{Grant, Lane},
};
use serde_json::Value;
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Messages of one sender that are taken together.
const AT_ONCE: i64 = 10;
/// How long a worker may hold one: several times the deadline of a call.
const HELD_TOO_LONG: Duration = Duration::from_secs(120);
/// Older than this nobody waits for a test any more.
const WAITED_TOO_LONG: Duration = Duration::from_secs(3_600);
/// How long tests are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Tests deleted in one statement.
const DELETED_AT_ONCE: i64 = 500;
/// Characters of a provider's words that are kept.
const MAX_DETAIL: usize = 1_000;

/// A message that this worker has marked and must now hand over.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub test_message_id: i64,
    pub workspace_id: WorkspaceId,
    pub address: String,
    /// What the provider is given, as JSON.
    pub content: Value,
}

/// What there was to take of one sender.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub sender_id: SenderId,
    /// May be none: its pace lets nothing go now, or all were refused.
    pub taken: Vec<Taken>,
}

struct Row {
    test_message_id: i64,
    workspace_id: Uuid,
    sender_id: Uuid,
    address: String,
    content: Value,
    opted_out: bool,
    paused: bool,
}

/// Takes messages that wait on a channel, of one sender that isn't among `passed`: as many as its pace lets go, ahead of bulk. Those
/// whose person has opted out meanwhile, and those of a sender that is paused, are refused. None when nothing waits.
///
/// # Errors
/// When a statement fails; then the transaction must be rolled back.
pub async fn take(
    connection: &mut PgConnection,
    channel: Channel,
    worker: WorkerId,
    passed: &[SenderId],
    now: OffsetDateTime,
) -> Result<Option<Batch>> {
    let rows = waiting(connection, channel, passed).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let sender_id = SenderId(first.sender_id);
    let (refused, mut rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.opted_out || row.paused);
    let outcomes: Vec<_> = refused.iter().map(refusal).collect();
    write(connection, &outcomes, worker, TestState::Queued, now).await?;
    if !rows.is_empty() {
        // The pace is locked last, as the gate does.
        let granted = pace(connection, sender_id, u32::try_from(rows.len()).unwrap_or(u32::MAX)).await?;
        rows.truncate(granted as usize);
    }
    mark(connection, &rows, worker, now).await?;
    let taken = rows.into_iter().map(|row| Taken {
        test_message_id: row.test_message_id,
        workspace_id: WorkspaceId(row.workspace_id),
        address: row.address,
        content: row.content,
    });
    Ok(Some(Batch { sender_id, taken: taken.collect() }))
}

/// Locks what waits of the sender that has waited longest.
async fn waiting(connection: &mut PgConnection, channel: Channel, passed: &[SenderId]) -> Result<Vec<Row>> {
    let passed: Vec<_> = passed.iter().map(|sender| sender.0).collect();
    Ok(sqlx::query_as!(
        Row,
        r#"SELECT m.test_message_id, m.workspace_id, t.sender_id, m.address, t.content,
                  EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = m.workspace_id AND o.address_key = m.address_key
                          AND o.channel IN (m.channel, 'all')) AS "opted_out!",
                  EXISTS (SELECT FROM send.sender_state s WHERE s.sender_id = t.sender_id AND s.paused_at IS NOT NULL) AS "paused!"
           FROM send.test_message m JOIN send.test_send t USING (test_send_id)
           WHERE m.channel = $1 AND m.state = 'queued' AND t.sender_id = (
               SELECT f.sender_id FROM send.test_message w JOIN send.test_send f USING (test_send_id)
               WHERE w.channel = $1 AND w.state = 'queued' AND f.sender_id <> ALL($2) ORDER BY w.test_message_id LIMIT 1)
           ORDER BY m.test_message_id LIMIT $3 FOR UPDATE OF m SKIP LOCKED"#,
        channel.as_str(),
        &passed,
        AT_ONCE
    )
    .fetch_all(connection)
    .await?)
}

fn refusal(row: &Row) -> Outcome {
    let (code, detail) =
        if row.opted_out { (OPTED_OUT, "this address has opted out") } else { ("sender_paused", "the sender is paused: resume it first") };
    Outcome { code: code.to_owned(), detail: detail.to_owned(), ..Outcome::new(row.test_message_id, TestState::Refused) }
}

/// How many messages the sender's pace lets go now, of so many. It is the pace that campaigns share, and it is charged.
async fn pace(connection: &mut PgConnection, sender: SenderId, want: u32) -> Result<u32> {
    let Grant { count, next_at, yield_until, .. } = gate::take_pace(connection, sender, want, Lane::Fast).await?;
    sqlx::query!(
        "UPDATE send.rate_bucket SET next_at = to_timestamp($2), yield_until = to_timestamp($3) WHERE sender_id = $1",
        sender.0,
        next_at,
        yield_until
    )
    .execute(connection)
    .await?;
    Ok(count)
}

async fn mark(connection: &mut PgConnection, rows: &[Row], worker: WorkerId, now: OffsetDateTime) -> Result<()> {
    let ids: Vec<_> = rows.iter().map(|row| row.test_message_id).collect();
    sqlx::query!(
        "UPDATE send.test_message SET state = 'sending', worker_id = $2, updated_at = $3 WHERE test_message_id = ANY($1) AND state = 'queued'",
        &ids,
        worker.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub test_message_id: i64,
    pub state: TestState,
    pub code: String,
    pub detail: String,
    pub provider_message_id: String,
}

impl Outcome {
    /// Without a code, words or an id.
    #[must_use]
    pub const fn new(test_message_id: i64, state: TestState) -> Self {
        Self { test_message_id, state, code: String::new(), detail: String::new(), provider_message_id: String::new() }
    }
}

/// Records outcomes of what this worker holds; what it doesn't hold any more stays as it is.
///
/// # Errors
/// When the statement fails.
pub async fn record(connection: &mut PgConnection, worker: WorkerId, outcomes: &[Outcome], now: OffsetDateTime) -> Result<()> {
    write(connection, outcomes, worker, TestState::Sending, now).await
}

async fn write(connection: &mut PgConnection, outcomes: &[Outcome], worker: WorkerId, was: TestState, now: OffsetDateTime) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.test_message_id).collect();
    let states: Vec<_> = outcomes.iter().map(|outcome| outcome.state.as_str().to_owned()).collect();
    // PostgreSQL takes no NUL, and a provider may say anything.
    let words = |text: &str| text.chars().filter(|c| *c != '\0').take(MAX_DETAIL).collect::<String>();
    let codes: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.code)).collect();
    let details: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.detail)).collect();
    let provider_ids: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.provider_message_id)).collect();
    sqlx::query!(
        "UPDATE send.test_message m
         SET state = o.state, code = o.code, detail = o.detail, provider_message_id = o.provider_message_id, worker_id = $6, updated_at = $7
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS o (id, state, code, detail, provider_message_id)
         WHERE m.test_message_id = o.id AND m.state = $8 AND (m.worker_id IS NULL OR m.worker_id = $6)",
        &ids,
        &states,
        &codes,
        &details,
        &provider_ids,
        worker.0,
        now,
        was.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps house on a channel: what a worker has held too long can't be known any more, what nobody took in an hour is not sent, and what
/// is a week old is deleted.
///
/// # Errors
/// When a statement fails.
pub async fn tidy(connection: &mut PgConnection, channel: Channel, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE send.test_message
         SET updated_at = $2, state = CASE state WHEN 'sending' THEN 'uncertain' ELSE 'expired' END,
             code = CASE state WHEN 'sending' THEN 'worker_lost' ELSE 'not_taken' END,
             detail = CASE state WHEN 'sending' THEN 'the worker that held it died' ELSE 'no dispatcher of this channel took it in time' END
         WHERE channel = $1 AND ((state = 'sending' AND updated_at < $3) OR (state = 'queued' AND updated_at < $4))",
        channel.as_str(),
        now,
        now - HELD_TOO_LONG,
        now - WAITED_TOO_LONG
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM send.test_send WHERE test_send_id IN (
             SELECT test_send_id FROM send.test_send WHERE created_at < $1 AND channel = $2 ORDER BY created_at LIMIT $3)",
        now - KEPT,
        channel.as_str(),
        DELETED_AT_ONCE
    )
    .execute(connection)
    .await?;
    Ok(())
}
