//! Send jobs: made with the deliveries they carry, published while the window allows, deleted when they are worked off.

use crate::Result;
use domain::delivery::State;
use domain::{CampaignId, Channel, DeliveryId, JobId, RunId, SenderId, WorkspaceId};
use sqlx::PgConnection;
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
    pub traceparent: String,
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
}

/// Locks the next jobs of a channel that may be published: of campaigns that are ACTIVE, at most `window` deliveries ahead in all,
/// at most half a minute of each sender's pace ahead, and workspaces taking turns. They stay locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn take_publishable(connection: &mut PgConnection, channel: Channel, window: i64, limit: i64) -> Result<Vec<Job>> {
    Ok(sqlx::query_as!(
        Job,
        r#"WITH ahead AS (
             SELECT sender_id, sum(size) AS size FROM send.job
             WHERE channel = $1 AND published_at IS NOT NULL GROUP BY sender_id
           ), waiting AS (
             -- The head of each sender's queue is enough, and doesn't grow with the backlog.
             SELECT j.job_id, j.lane, j.size, s.workspace_id, greatest(s.rate_per_second * 30, 1) AS sender_window,
                    coalesce(a.size, 0) + sum(j.size) OVER (PARTITION BY j.sender_id ORDER BY j.lane, j.job_id) - j.size AS sender_ahead
             FROM core.sender s LEFT JOIN ahead a USING (sender_id) CROSS JOIN LATERAL (
               SELECT w.job_id, w.sender_id, w.lane, w.size FROM send.job w JOIN core.campaign c USING (campaign_id)
               WHERE w.channel = $1 AND w.sender_id = s.sender_id AND w.published_at IS NULL AND c.status = 'ACTIVE'
               ORDER BY w.lane, w.job_id LIMIT $3) AS j
             WHERE s.channel = $1
           ), turns AS (
             SELECT job_id, size, row_number() OVER (PARTITION BY workspace_id ORDER BY lane, job_id) AS turn
             FROM waiting WHERE sender_ahead < sender_window
           ), allowed AS (
             SELECT job_id, turn,
                    (sum(size) OVER (ORDER BY turn, job_id) - size + (SELECT coalesce(sum(size), 0) FROM ahead))::bigint AS ahead
             FROM turns
           )
           SELECT j.job_id, j.run_id, j.campaign_id, j.workspace_id, j.sender_id, j.delivery_ids, r.traceparent
           FROM allowed a JOIN send.job j USING (job_id) JOIN send.run r ON r.run_id = j.run_id
           WHERE a.ahead < $2 AND j.published_at IS NULL ORDER BY a.turn, j.job_id LIMIT $3 FOR UPDATE OF j SKIP LOCKED"#,
        channel.as_str(),
        window,
        limit
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

/// Takes back jobs that were published and that nobody has touched for so long, by the database's clock: the broker lost them, or
/// their worker died.
///
/// # Errors
/// When the statement fails.
pub async fn take_back_lost(connection: &mut PgConnection, untouched_for: Duration) -> Result<u64> {
    Ok(sqlx::query!(
        "UPDATE send.job SET published_at = NULL, progress_at = NULL
         WHERE published_at IS NOT NULL AND coalesce(progress_at, published_at) < now() - make_interval(secs => $1)",
        untouched_for.as_secs_f64()
    )
    .execute(connection)
    .await?
    .rows_affected())
}

/// Queues deliveries whose time for another try has come, and makes jobs for them. Answers how many.
///
/// # Errors
/// When the statement fails.
pub async fn wake_retries(connection: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT delivery_id FROM send.delivery WHERE state = 'retry_wait' AND next_attempt_at <= $1
             ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED
           ), woken AS (
             UPDATE send.delivery d SET state = 'queued', next_attempt_at = NULL, updated_at = $1 FROM due
             WHERE d.delivery_id = due.delivery_id
             RETURNING d.delivery_id, d.run_id, d.campaign_id, d.workspace_id, d.sender_id, d.channel
           ), jobs AS (
             INSERT INTO send.job (job_id, run_id, campaign_id, workspace_id, sender_id, channel, delivery_ids, created_at, lane)
             SELECT uuidv7(), run_id, campaign_id, workspace_id, sender_id, channel, array_agg(delivery_id ORDER BY delivery_id), $1, 0
             FROM (SELECT w.*, (row_number() OVER (PARTITION BY run_id, channel, sender_id ORDER BY delivery_id) - 1) / 200 AS part
                   FROM woken w) AS numbered
             GROUP BY run_id, campaign_id, workspace_id, sender_id, channel, part
             RETURNING size
           )
           SELECT coalesce(sum(size), 0)::bigint AS "count!" FROM jobs"#,
        now,
        limit
    )
    .fetch_one(connection)
    .await?)
}

/// Drops what some of a run's jobs carry and what waits for a retry, as `cancelled` or `expired`, and the jobs with it. What a
/// worker holds right now isn't touched. Answers how many jobs went, and what was dropped: call until there is neither.
///
/// # Errors
/// When the statement fails.
pub async fn drop_some(connection: &mut PgConnection, run: RunId, state: State, now: OffsetDateTime) -> Result<(i64, Vec<Dropped>)> {
    let rows = sqlx::query!(
        r#"WITH job AS (
             DELETE FROM send.job WHERE job_id IN
               (SELECT job_id FROM send.job WHERE run_id = $1 ORDER BY job_id LIMIT 50 FOR UPDATE SKIP LOCKED)
             RETURNING delivery_ids
           ), target AS (
             SELECT d.delivery_id FROM send.delivery d
             WHERE d.delivery_id IN (SELECT unnest(delivery_ids) FROM job) AND d.state = 'queued'
             UNION
             SELECT delivery_id FROM (SELECT delivery_id FROM send.delivery WHERE run_id = $1 AND state = 'retry_wait'
                                      ORDER BY next_attempt_at LIMIT 10000 FOR UPDATE SKIP LOCKED) AS retry
           ), dropped AS (
             UPDATE send.delivery d SET state = $2, next_attempt_at = NULL, updated_at = $3 FROM target t
             WHERE d.delivery_id = t.delivery_id AND d.state IN ('queued', 'retry_wait')
             RETURNING d.delivery_id, d.attempt, d.channel, d.sender_id
           )
           SELECT (SELECT count(*) FROM job) AS "jobs!", d.channel AS "channel?", d.sender_id AS "sender_id?",
                  d.untouched AS "untouched?", d.tried_ids AS "tried_ids?", d.tries AS "tries?"
           FROM (SELECT 1) AS always
           LEFT JOIN (SELECT channel, sender_id, count(*) FILTER (WHERE attempt = 0) AS untouched,
                             coalesce(array_agg(delivery_id) FILTER (WHERE attempt > 0), '{}') AS tried_ids,
                             coalesce(array_agg(attempt) FILTER (WHERE attempt > 0), '{}') AS tries
                      FROM dropped GROUP BY channel, sender_id) AS d ON true"#,
        run.0,
        state.as_str(),
        now
    )
    .fetch_all(connection)
    .await?;
    let jobs = rows.first().map_or(0, |row| row.jobs);
    let mut dropped = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(channel), Some(sender), Some(untouched)) = (row.channel, row.sender_id, row.untouched) else { continue };
        let tries = row.tries.unwrap_or_default().into_iter().map(i32::unsigned_abs);
        let tried = row.tried_ids.unwrap_or_default().into_iter().map(DeliveryId).zip(tries).collect();
        dropped.push(Dropped { channel: crate::delivery::channel(&channel)?, sender_id: SenderId(sender), untouched, tried });
    }
    Ok((jobs, dropped))
}
