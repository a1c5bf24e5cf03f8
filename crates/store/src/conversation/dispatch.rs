//! What the dispatchers do with answers: take those that the sender's pace lets go, and write down what became of them.
//!
//! An answer is marked before it is handed over, and never taken twice: there is no lease. What a dead worker held can't be known. Of a
//! conversation the oldest answer is taken and the others wait for it, so that they arrive in the order in which they were written.

use crate::{Result, delivery, gate};
use domain::{
    Channel, SenderId, WorkerId, WorkspaceId,
    conversation::{AnswerState, may_be_answered},
    rate::{Grant, Lane},
};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Answers of one sender that are taken together.
const AT_ONCE: i64 = 20;
/// How long a worker may hold one: several times the deadline of a call.
const HELD_TOO_LONG: Duration = Duration::from_secs(120);
/// Older than this an answer comes too late to be understood.
const WAITED_TOO_LONG: Duration = Duration::from_secs(3_600);
/// Characters of a provider's words that are kept.
const MAX_DETAIL: usize = 1_000;

/// Why an answer is not sent.
pub const OPTED_OUT: &str = "opted_out";
pub const OUTSIDE_WINDOW: &str = "outside_window";

/// An answer that this worker has marked and must now hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub reply_id: i64,
    pub workspace_id: WorkspaceId,
    pub address: String,
    /// The key of the thread, for the opt-out register.
    pub address_key: String,
    pub sealed: Vec<u8>,
    pub seal_key: Uuid,
    /// The provider's id of what it quotes; empty for nothing.
    pub in_reply_to: String,
}

/// What there was to take of one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub sender_id: SenderId,
    /// May be none: its pace lets nothing go now, or all were refused.
    pub taken: Vec<Taken>,
}

struct Row {
    reply_id: i64,
    workspace_id: Uuid,
    sender_id: Uuid,
    channel: String,
    address: String,
    address_key: String,
    sealed: Vec<u8>,
    seal_key: Uuid,
    in_reply_to: String,
    last_inbound_at: Option<OffsetDateTime>,
    opted_out: bool,
    paused: bool,
    taken_over: bool,
}

/// Takes answers that wait on a channel, of one sender that isn't among `passed`: as many as its pace lets go, ahead of bulk. Those to
/// somebody who has opted out or wrote too long ago, those of a sender that is paused, and those of an assistant that has been relieved,
/// are refused. None when nothing waits.
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
    let (mut refused, mut kept) = (Vec::new(), Vec::new());
    for row in rows {
        match refusal(&row, now)? {
            Some(outcome) => refused.push(outcome),
            None => kept.push(row),
        }
    }
    write(connection, &refused, worker, AnswerState::Queued, now).await?;
    if !kept.is_empty() {
        // The pace is locked last, as the gate does.
        let granted = pace(connection, sender_id, u32::try_from(kept.len()).unwrap_or(u32::MAX)).await?;
        kept.truncate(granted as usize);
    }
    mark(connection, &kept, worker, now).await?;
    let taken = kept.into_iter().map(|row| Taken {
        reply_id: row.reply_id,
        workspace_id: WorkspaceId(row.workspace_id),
        address: row.address,
        address_key: row.address_key,
        sealed: row.sealed,
        seal_key: row.seal_key,
        in_reply_to: row.in_reply_to,
    });
    Ok(Some(Batch { sender_id, taken: taken.collect() }))
}

/// Locks the oldest answers of each conversation of the sender that has waited longest.
async fn waiting(connection: &mut PgConnection, channel: Channel, passed: &[SenderId]) -> Result<Vec<Row>> {
    let passed: Vec<_> = passed.iter().map(|sender| sender.0).collect();
    Ok(sqlx::query_as!(
        Row,
        r#"SELECT r.reply_id, r.workspace_id, r.sender_id, r.channel, r.address, r.address_keys[1] AS "address_key!", m.sealed, m.seal_key,
                  r.in_reply_to, c.last_inbound_at,
                  EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = r.workspace_id AND o.address_key = ANY(r.address_keys)
                          AND o.channel IN (r.channel, 'all')) AS "opted_out!",
                  EXISTS (SELECT FROM send.sender_state s WHERE s.sender_id = r.sender_id AND s.paused_at IS NOT NULL) AS "paused!",
                  (r.by_assistant AND c.handler <> 'assistant') AS "taken_over!"
           FROM send.reply r JOIN core.message m USING (message_id) JOIN core.conversation c ON c.conversation_id = r.conversation_id
           WHERE r.channel = $1 AND r.state = 'queued' AND r.sender_id = (
               SELECT w.sender_id FROM send.reply w
               WHERE w.channel = $1 AND w.state = 'queued' AND w.sender_id <> ALL($2)
                 AND NOT EXISTS (SELECT FROM send.reply b WHERE b.conversation_id = w.conversation_id AND b.reply_id < w.reply_id
                                 AND b.state IN ('queued', 'sending'))
               ORDER BY w.reply_id LIMIT 1)
             AND NOT EXISTS (SELECT FROM send.reply b WHERE b.conversation_id = r.conversation_id AND b.reply_id < r.reply_id
                             AND b.state IN ('queued', 'sending'))
           ORDER BY r.reply_id LIMIT $3 FOR UPDATE OF r SKIP LOCKED"#,
        channel.as_str(),
        &passed,
        AT_ONCE
    )
    .fetch_all(connection)
    .await?)
}

fn refusal(row: &Row, now: OffsetDateTime) -> Result<Option<Outcome>> {
    let channel = delivery::channel(&row.channel)?;
    let late = (OUTSIDE_WINDOW, "the person wrote more than 24 hours ago: only a template may be sent now");
    let in_time = may_be_answered(channel, row.last_inbound_at, now);
    let why = stop(row.opted_out, row.taken_over, row.paused).or_else(|| (!in_time).then_some(late));
    let Some((code, detail)) = why else { return Ok(None) };
    let refused = Outcome { code: code.to_owned(), detail: detail.to_owned(), ..Outcome::new(row.reply_id, AnswerState::Refused) };
    Ok(Some(refused))
}

/// Why an answer must not leave, as code and words; None: it may.
const fn stop(opted_out: bool, taken_over: bool, paused: bool) -> Option<(&'static str, &'static str)> {
    match (opted_out, taken_over, paused) {
        (true, ..) => Some((OPTED_OUT, "this person has opted out")),
        (_, true, _) => Some(("taken_over", "the assistant doesn't answer this conversation any more")),
        (.., true) => Some(("sender_paused", "the sender is paused: resume it first")),
        _ => None,
    }
}

/// Why an answer that was taken a while ago must not leave any more, as code and words; None: it still may. One whose conversation is gone
/// must not.
///
/// # Errors
/// When the statement fails.
pub async fn stopped(connection: &mut PgConnection, reply_id: i64) -> Result<Option<(&'static str, &'static str)>> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = r.workspace_id AND o.address_key = ANY(r.address_keys)
                          AND o.channel IN (r.channel, 'all')) AS "opted_out!",
                  EXISTS (SELECT FROM send.sender_state s WHERE s.sender_id = r.sender_id AND s.paused_at IS NOT NULL) AS "paused!",
                  (r.by_assistant AND c.handler <> 'assistant') AS "taken_over!"
           FROM send.reply r JOIN core.conversation c ON c.conversation_id = r.conversation_id WHERE r.reply_id = $1"#,
        reply_id
    )
    .fetch_optional(connection)
    .await?;
    let gone = Some(("gone", "its conversation was erased"));
    Ok(row.map_or(gone, |row| stop(row.opted_out, row.taken_over, row.paused)))
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
    let ids: Vec<_> = rows.iter().map(|row| row.reply_id).collect();
    sqlx::query!(
        "UPDATE send.reply SET state = 'sending', worker_id = $2, updated_at = $3 WHERE reply_id = ANY($1) AND state = 'queued'",
        &ids,
        worker.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub reply_id: i64,
    pub state: AnswerState,
    pub code: String,
    pub detail: String,
    pub provider_message_id: String,
}

impl Outcome {
    /// Without a code, words or an id.
    #[must_use]
    pub const fn new(reply_id: i64, state: AnswerState) -> Self {
        Self { reply_id, state, code: String::new(), detail: String::new(), provider_message_id: String::new() }
    }
}

/// Records outcomes of what this worker holds; what it doesn't hold any more stays as it is.
///
/// # Errors
/// When the statement fails.
pub async fn record(connection: &mut PgConnection, worker: WorkerId, outcomes: &[Outcome], now: OffsetDateTime) -> Result<()> {
    write(connection, outcomes, worker, AnswerState::Sending, now).await
}

async fn write(connection: &mut PgConnection, outcomes: &[Outcome], worker: WorkerId, was: AnswerState, now: OffsetDateTime) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    // PostgreSQL takes no NUL, and a provider may say anything.
    let words = |text: &str| text.chars().filter(|c| *c != '\0').take(MAX_DETAIL).collect::<String>();
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.reply_id).collect();
    let states: Vec<_> = outcomes.iter().map(|outcome| outcome.state.to_string()).collect();
    let codes: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.code)).collect();
    let details: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.detail)).collect();
    let provider_ids: Vec<_> = outcomes.iter().map(|outcome| words(&outcome.provider_message_id)).collect();
    sqlx::query!(
        "UPDATE send.reply r
         SET state = o.state, code = o.code, detail = o.detail, provider_message_id = o.provider_message_id, worker_id = $6, updated_at = $7
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS o (id, state, code, detail, provider_message_id)
         WHERE r.reply_id = o.id AND r.state = $8 AND (r.worker_id IS NULL OR r.worker_id = $6)",
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

/// Keeps house on a channel: what a worker has held too long can't be known any more, and what nobody took in an hour is not sent.
///
/// # Errors
/// When the statement fails.
pub async fn tidy(connection: &mut PgConnection, channel: Channel, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE send.reply
         SET updated_at = $2, state = CASE state WHEN 'sending' THEN 'uncertain' ELSE 'expired' END,
             code = CASE state WHEN 'sending' THEN 'worker_lost' ELSE 'not_taken' END,
             detail = CASE state WHEN 'sending' THEN 'the worker that held it died' ELSE 'no dispatcher of this channel took it in time' END
         WHERE channel = $1 AND ((state = 'sending' AND updated_at < $3) OR (state = 'queued' AND updated_at < $4))",
        channel.as_str(),
        now,
        now - HELD_TOO_LONG,
        now - WAITED_TOO_LONG
    )
    .execute(connection)
    .await?;
    Ok(())
}
