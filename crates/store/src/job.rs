//! Send jobs: made with the deliveries they carry, published while the window allows, deleted when they are worked off.

use crate::{Result, budget, settle::NOT_FOUND};
use domain::{CampaignId, Channel, DeliveryId, JobId, RunId, SenderId, WorkspaceId, delivery::State};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// A job to be published.
#[derive(Debug, Clone)]
pub struct Job {
    pub job_id: JobId,
    pub run_id: RunId,
    pub campaign_id: CampaignId,
    pub workspace_id: WorkspaceId,
    pub sender_id: SenderId,
    pub delivery_ids: Vec<i64>,
    pub lane: i16,
    pub traceparent: String,
}

impl Job {
    /// Whether it goes in the lane that never waits behind bulk.
    #[must_use]
    pub const fn is_fast(&self) -> bool {
        self.lane == lane::TRANSACTIONAL
    }
}

/// Which jobs go first.
pub mod lane {
    /// Of transactional campaigns; published beyond the window of the others.
    pub const TRANSACTIONAL: i16 = 0;
    /// Retries, which would wait behind a whole campaign otherwise.
    pub const RETRY: i16 = 1;
    pub const BULK: i16 = 2;
}

/// Deliveries of a run that were dropped with their jobs, for one channel.
#[derive(Debug, Clone)]
pub struct Dropped {
    pub channel: Channel,
    pub sender_id: SenderId,
    /// Of those that no worker ever held: nothing else was ever told of them.
    pub untouched: i64,
    /// The others, each with the number of its last try.
    pub tried: Vec<(DeliveryId, u32)>,
    /// Those of which an earlier try may have left: they are `unknown`, whatever the rest became.
    pub unknown: Vec<(DeliveryId, u32)>,
}

/// Locks the next jobs of a channel that may be published: of campaigns that are ACTIVE with something left of their budget, whose
/// channel isn't paused and has a sender that is up (where each has its own part: the job's own); at most `window` deliveries ahead in all, at most half a minute of each sender's
/// pace ahead, and workspaces taking turns. Transactional ones have a window of their own. They stay locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn take_publishable(connection: &mut PgConnection, channel: Channel, window: i64, limit: i64) -> Result<Vec<Job>> {
    Ok(sqlx::query_as!(
        Job,
        r#"WITH ahead AS (
             SELECT sender_id, lane = 0 AS fast, sum(size) AS size FROM send.job
             WHERE channel = $1 AND published_at IS NOT NULL GROUP BY 1, 2
           ), blocked AS (
             SELECT sender_id FROM send.sender_state WHERE paused_at IS NOT NULL OR open_until > now()
           ), sendable AS MATERIALIZED (
             SELECT r.run_id, r.workspace_id FROM send.run r JOIN core.campaign c USING (campaign_id) JOIN send.run_channel rc USING (run_id)
             WHERE r.status IN ('expanding', 'sending') AND c.status = 'ACTIVE' AND rc.channel = $1 AND rc.paused_at IS NULL
               AND ($1 IN ('push', 'social') OR rc.sender_id NOT IN (SELECT sender_id FROM blocked)
                    OR rc.fallback_sender_id NOT IN (SELECT sender_id FROM blocked))
               AND NOT EXISTS (SELECT FROM send.alert a WHERE a.workspace_id = r.workspace_id AND a.kind = $4
                               AND a.campaign_id = r.campaign_id AND a.channel IN ('', $1) AND a.resolved_at IS NULL)
           ), waiting AS (
             -- The head of each run's queue is enough, and doesn't grow with the backlog.
             SELECT j.job_id, j.lane, j.size, j.sender_id, s.workspace_id FROM sendable s CROSS JOIN LATERAL (
               SELECT w.job_id, w.sender_id, w.lane, w.size FROM send.job w
               WHERE w.channel = $1 AND w.run_id = s.run_id AND w.published_at IS NULL
                 -- None of several senders stands in for another.
                 AND ($1 NOT IN ('push', 'social') OR w.sender_id NOT IN (SELECT sender_id FROM blocked))
               ORDER BY w.lane, w.job_id LIMIT $3) AS j
           ), paced AS (
             SELECT w.*, greatest(s.rate_per_second * 30, 1) AS sender_window,
                    coalesce(a.size, 0) - w.size
                      + sum(w.size) OVER (PARTITION BY w.sender_id, w.lane = 0 ORDER BY w.lane, w.job_id) AS sender_ahead
             FROM waiting w JOIN core.sender s USING (sender_id)
             LEFT JOIN ahead a ON a.sender_id = w.sender_id AND a.fast = (w.lane = 0)
           ), turns AS (
             SELECT job_id, size, lane = 0 AS fast, row_number() OVER (PARTITION BY workspace_id, lane = 0 ORDER BY lane, job_id) AS turn
             FROM paced WHERE sender_ahead < sender_window
           ), allowed AS (
             SELECT job_id, fast, turn,
                    (sum(size) OVER (PARTITION BY fast ORDER BY turn, job_id) - size
                      + (SELECT coalesce(sum(size), 0) FROM ahead WHERE ahead.fast = turns.fast))::bigint AS ahead
             FROM turns
           )
           SELECT j.job_id, j.run_id, j.campaign_id, j.workspace_id, j.sender_id, j.delivery_ids, j.lane, r.traceparent
           FROM allowed a JOIN send.job j USING (job_id) JOIN send.run r ON r.run_id = j.run_id
           WHERE a.ahead < $2 AND j.published_at IS NULL ORDER BY a.fast DESC, a.turn, j.job_id LIMIT $3 FOR UPDATE OF j SKIP LOCKED"#,
        channel.as_str(),
        window,
        limit,
        crate::alert::kind::BUDGET_EXHAUSTED
    )
    .fetch_all(connection)
    .await?)
}

/// Marks jobs that the broker has acked.
///
/// # Errors
/// When the statement fails.
pub async fn mark_published(connection: &mut PgConnection, jobs: &[Uuid]) -> Result<()> {
    sqlx::query!("UPDATE send.job SET published_at = now(), progress_at = NULL WHERE job_id = ANY($1)", jobs).execute(connection).await?;
    Ok(())
}

/// Says that a job is being worked on.
///
/// # Errors
/// When the statement fails.
pub async fn touch(connection: &mut PgConnection, job: JobId) -> Result<()> {
    sqlx::query!("UPDATE send.job SET progress_at = now() WHERE job_id = $1", job.0).execute(connection).await?;
    Ok(())
}

/// Ends a job; kept, to be published again, when some of its deliveries still wait (its campaign was paused, or its worker died).
/// Answers whether it ended.
///
/// # Errors
/// When the statement fails.
pub async fn finish(connection: &mut PgConnection, job: JobId, deliveries: &[DeliveryId]) -> Result<bool> {
    let ids: Vec<i64> = deliveries.iter().map(|id| id.0).collect();
    let ended = sqlx::query!(
        "DELETE FROM send.job WHERE job_id = $1
         AND NOT EXISTS (SELECT FROM send.delivery WHERE delivery_id = ANY($2) AND state = 'queued')",
        job.0,
        &ids
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if ended == 0 {
        hand_back(connection, job).await?;
    }
    Ok(ended > 0)
}

/// Gives a job back to be published later.
///
/// # Errors
/// When the statement fails.
pub async fn hand_back(connection: &mut PgConnection, job: JobId) -> Result<()> {
    sqlx::query!("UPDATE send.job SET published_at = NULL, progress_at = NULL WHERE job_id = $1", job.0).execute(connection).await?;
    Ok(())
}

/// Takes back a lane's jobs that were published and are lost: nobody has touched them for so long, by the database's clock, nor since
/// `held_since`, from when on the broker still has what was published (None: it has nothing).
///
/// # Errors
/// When the statement fails.
pub async fn take_back_lost(
    connection: &mut PgConnection,
    channel: Channel,
    is_fast: bool,
    untouched_for: Duration,
    held_since: Option<OffsetDateTime>,
) -> Result<u64> {
    Ok(sqlx::query!(
        "UPDATE send.job SET published_at = NULL, progress_at = NULL
         WHERE channel = $1 AND (lane = 0) = $2 AND published_at IS NOT NULL
           AND coalesce(progress_at, published_at) < least(now() - make_interval(secs => $3), $4::timestamptz)",
        channel.as_str(),
        is_fast,
        untouched_for.as_secs_f64(),
        held_since
    )
    .execute(connection)
    .await?
    .rows_affected())
}

/// Queues deliveries whose time for another try has come (after a failure, or a deferral), and makes jobs for them. Those whose run is
/// over are left to [`crate::reopen::take`]. Answers how many were due.
///
/// # Errors
/// When a statement fails; nothing is queued then.
pub async fn wake_retries(connection: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<i64> {
    let mut tx = connection.begin().await?;
    let due = sqlx::query!(
        r#"WITH due AS (
             SELECT d.delivery_id, d.run_id, r.status IN ('expanding', 'sending') AS open
             FROM send.delivery d JOIN send.run r USING (run_id) WHERE d.state = 'retry_wait' AND d.next_attempt_at <= $1
             ORDER BY d.next_attempt_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED
           ), reopened AS (
             INSERT INTO send.reopen (run_id, created_at) SELECT DISTINCT run_id, $1::timestamptz FROM due WHERE NOT open
             ON CONFLICT DO NOTHING
           ), woken AS (
             UPDATE send.delivery d SET state = 'queued', next_attempt_at = NULL, updated_at = $1 FROM due
             WHERE d.delivery_id = due.delivery_id AND due.open
           )
           SELECT delivery_id, open AS "open!" FROM due"#,
        now,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    let woken: Vec<i64> = due.iter().filter(|row| row.open).map(|row| row.delivery_id).collect();
    add(&mut tx, &woken, lane::RETRY, now).await?;
    tx.commit().await?;
    Ok(due.len() as i64)
}

/// Makes the jobs that carry queued deliveries, each about ten seconds of its sender's pace, at most 200 or what one call carries. `lane` is for campaigns that aren't
/// transactional. Belongs in the transaction that queues them.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn add(connection: &mut PgConnection, delivery_ids: &[i64], lane: i16, now: OffsetDateTime) -> Result<()> {
    if delivery_ids.is_empty() {
        return Ok(());
    }
    // Only its own sender drops the second one of a message whose fate isn't known, and each of several has its own part; all others start
    // anew. Deliveries are read first, by
    // id: before the server has counted a run's rows, it would take the whole run to be the shorter way.
    sqlx::query!(
        "WITH queued AS MATERIALIZED (SELECT * FROM send.delivery WHERE delivery_id = ANY($1))
         INSERT INTO send.job (job_id, run_id, campaign_id, workspace_id, sender_id, channel, delivery_ids, created_at, lane)
         SELECT uuidv7(), run_id, campaign_id, workspace_id, sender_id, channel, array_agg(delivery_id ORDER BY delivery_id), $3, lane
         FROM (SELECT d.delivery_id, d.run_id, d.campaign_id, d.workspace_id, d.channel, s.sender_id,
                      CASE c.lane WHEN 'transactional' THEN 0 ELSE $2::smallint END AS lane,
                      (row_number() OVER (PARTITION BY d.run_id, d.channel, s.sender_id ORDER BY d.delivery_id) - 1)
                        / least(greatest(s.rate_per_second * 10, 1), greatest(s.batch_size, 200))::bigint AS part
               FROM queued d JOIN core.campaign c USING (campaign_id) JOIN send.run_channel rc USING (run_id, channel)
               JOIN core.sender s ON s.sender_id = CASE WHEN d.doubtful OR d.channel IN ('push', 'social') THEN d.sender_id ELSE rc.sender_id END)
              AS numbered
         GROUP BY run_id, campaign_id, workspace_id, sender_id, channel, lane, part ORDER BY part",
        delivery_ids,
        lane,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what some of a run's jobs carry and what waits for a retry, as `cancelled` or `expired`, and the jobs with it; nothing of a run
/// that may send again by now. What may have left by an earlier try becomes `unknown` instead. What a worker holds right now isn't
/// touched. Answers how many jobs went, and what was dropped: call until there is neither.
///
/// # Errors
/// When the statement fails.
pub async fn drop_some(connection: &mut PgConnection, run: RunId, state: State, now: OffsetDateTime) -> Result<(i64, Vec<Dropped>)> {
    let rows = sqlx::query!(
        r#"WITH over AS (
             SELECT r.run_id FROM send.run r JOIN core.campaign c USING (campaign_id)
             WHERE r.run_id = $1 AND NOT (c.status IN ('ACTIVE', 'PAUSED', 'COMPLETED') AND r.expires_at > now())
           ), job AS (
             DELETE FROM send.job WHERE job_id IN
               (SELECT job_id FROM send.job WHERE run_id IN (SELECT run_id FROM over) ORDER BY job_id LIMIT 50 FOR UPDATE SKIP LOCKED)
             RETURNING delivery_ids
           ), target AS (
             SELECT d.delivery_id FROM send.delivery d
             WHERE d.delivery_id IN (SELECT unnest(delivery_ids) FROM job) AND d.state = 'queued'
             UNION
             SELECT delivery_id FROM (SELECT delivery_id FROM send.delivery WHERE run_id IN (SELECT run_id FROM over) AND state = 'retry_wait'
                                      ORDER BY next_attempt_at LIMIT 10000 FOR UPDATE SKIP LOCKED) AS retry
           ), dropped AS (
             UPDATE send.delivery d SET state = CASE WHEN d.doubtful AND d.reason IS DISTINCT FROM $4 THEN 'unknown' ELSE $2 END,
                                        next_attempt_at = NULL, updated_at = $3
             FROM target t WHERE d.delivery_id = t.delivery_id AND d.state IN ('queued', 'retry_wait')
             RETURNING d.delivery_id, d.attempt, d.channel, d.sender_id, d.state
           )
           SELECT (SELECT count(*) FROM job) AS "jobs!", d.channel AS "channel?", d.sender_id AS "sender_id?",
                  d.untouched AS "untouched?", d.tried_ids AS "tried_ids?", d.tries AS "tries?", d.unknown_ids AS "unknown_ids?",
                  d.unknown_tries AS "unknown_tries?"
           FROM (SELECT 1) AS always
           LEFT JOIN (SELECT channel, sender_id, count(*) FILTER (WHERE attempt = 0) AS untouched,
                             coalesce(array_agg(delivery_id) FILTER (WHERE attempt > 0 AND state = $2), '{}') AS tried_ids,
                             coalesce(array_agg(attempt) FILTER (WHERE attempt > 0 AND state = $2), '{}') AS tries,
                             coalesce(array_agg(delivery_id) FILTER (WHERE state = 'unknown'), '{}') AS unknown_ids,
                             coalesce(array_agg(attempt) FILTER (WHERE state = 'unknown'), '{}') AS unknown_tries
                      FROM dropped GROUP BY channel, sender_id) AS d ON true"#,
        run.0,
        state.as_str(),
        now,
        NOT_FOUND
    )
    .fetch_all(&mut *connection)
    .await?;
    let jobs = rows.first().map_or(0, |row| row.jobs);
    let mut dropped = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(channel), Some(sender), Some(untouched)) = (row.channel, row.sender_id, row.untouched) else { continue };
        let tried = pairs(row.tried_ids, row.tries);
        let unknown = pairs(row.unknown_ids, row.unknown_tries);
        dropped.push(Dropped { channel: crate::delivery::channel(&channel)?, sender_id: SenderId(sender), untouched, tried, unknown });
    }
    let unspent: Vec<i64> = dropped.iter().flat_map(|part: &Dropped| &part.tried).map(|(id, _)| id.0).collect();
    budget::refund(connection, &unspent).await?;
    Ok((jobs, dropped))
}

fn pairs(ids: Option<Vec<i64>>, tries: Option<Vec<i32>>) -> Vec<(DeliveryId, u32)> {
    let tries = tries.unwrap_or_default().into_iter().map(i32::unsigned_abs);
    ids.unwrap_or_default().into_iter().map(DeliveryId).zip(tries).collect()
}
