//! Runs: one execution of a campaign each.

mod create;

pub use create::create;

use crate::Result;
use domain::{CampaignId, RunId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A run that isn't over, with its campaign's status.
#[derive(Debug, Clone)]
pub struct OpenRun {
    pub run_id: RunId,
    pub campaign_id: CampaignId,
    pub workspace_id: WorkspaceId,
    pub status: String,
    pub campaign_status: String,
    pub expired: bool,
    pub traceparent: String,
}

/// A scheduled campaign whose time may have come.
#[derive(Debug, Clone)]
pub struct Scheduled {
    pub campaign_id: CampaignId,
    pub workspace_id: WorkspaceId,
    pub due_at: OffsetDateTime,
    pub local_time: Option<String>,
    pub timezone: Option<String>,
}

/// Campaigns that are due, by the database's clock and the time that was computed when they were scheduled: those with segments, whose
/// audience takes a while to be frozen, or those without.
///
/// # Errors
/// When the statement fails.
pub async fn due(connection: &mut PgConnection, with_segments: bool, limit: i64) -> Result<Vec<Scheduled>> {
    Ok(sqlx::query_as!(
        Scheduled,
        r#"SELECT campaign_id, workspace_id, due_at AS "due_at!", schedule_local_time AS local_time, schedule_timezone AS timezone
           FROM core.campaign c WHERE status = 'SCHEDULED' AND due_at <= now()
             AND EXISTS (SELECT FROM core.campaign_segment g WHERE g.campaign_id = c.campaign_id) = $2
           ORDER BY due_at LIMIT $1"#,
        limit,
        with_segments
    )
    .fetch_all(connection)
    .await?)
}

/// One scheduled campaign, due or not; None when it isn't scheduled.
///
/// # Errors
/// When the statement fails.
pub async fn scheduled(connection: &mut PgConnection, campaign: CampaignId) -> Result<Option<Scheduled>> {
    Ok(sqlx::query_as!(
        Scheduled,
        r#"SELECT campaign_id, workspace_id, due_at AS "due_at!", schedule_local_time AS local_time, schedule_timezone AS timezone
           FROM core.campaign WHERE campaign_id = $1 AND status = 'SCHEDULED' AND due_at IS NOT NULL"#,
        campaign.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Moves the due time of a scheduled campaign, because the rules of its zone changed.
///
/// # Errors
/// When the statement fails.
pub async fn move_due(connection: &mut PgConnection, campaign: CampaignId, due_at: OffsetDateTime) -> Result<()> {
    sqlx::query!("UPDATE core.campaign SET due_at = $2 WHERE campaign_id = $1 AND status = 'SCHEDULED'", campaign.0, due_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks a scheduled campaign against being started twice; None when another scheduler was first, or it was paused.
///
/// # Errors
/// When the statement fails.
pub async fn lock_scheduled(connection: &mut PgConnection, campaign: CampaignId) -> Result<Option<WorkspaceId>> {
    Ok(sqlx::query_scalar!("SELECT workspace_id FROM core.campaign WHERE campaign_id = $1 AND status = 'SCHEDULED' FOR UPDATE", campaign.0)
        .fetch_optional(connection)
        .await?
        .map(WorkspaceId))
}

/// Contacts of the lists that make the campaign's audience less those excluded, counted once each; and the workspace's limit. What its segments
/// hold counts as soon as they are frozen. A campaign of channels without contacts has none.
///
/// # Errors
/// When the statement fails.
pub async fn recipients_and_limit(connection: &mut PgConnection, campaign: CampaignId) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT
             (SELECT count(*) FROM (
                SELECT DISTINCT m.contact_id FROM core.campaign_audience l JOIN core.list_member m USING (list_id)
                WHERE l.campaign_id = c.campaign_id AND NOT l.excluded
                EXCEPT
                SELECT m.contact_id FROM core.campaign_audience l JOIN core.list_member m USING (list_id)
                WHERE l.campaign_id = c.campaign_id AND l.excluded) AS audience
              WHERE EXISTS (SELECT FROM core.campaign_channel p WHERE p.campaign_id = c.campaign_id AND p.channel <> 'social')) AS "recipients!",
             w.max_recipients
           FROM core.campaign c JOIN core.workspace w USING (workspace_id) WHERE c.campaign_id = $1"#,
        campaign.0
    )
    .fetch_one(connection)
    .await?;
    Ok((row.recipients, i64::from(row.max_recipients)))
}

/// The run of a campaign, if it has started.
///
/// # Errors
/// When the statement fails.
pub async fn of_campaign(connection: &mut PgConnection, campaign: CampaignId) -> Result<Option<RunId>> {
    Ok(sqlx::query_scalar!("SELECT run_id FROM send.run WHERE campaign_id = $1 ORDER BY created_at DESC LIMIT 1", campaign.0)
        .fetch_optional(connection)
        .await?
        .map(RunId))
}

/// Ends a campaign that can't be sent.
///
/// # Errors
/// When the statement fails.
pub async fn fail_campaign(connection: &mut PgConnection, campaign: CampaignId, reason: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE core.campaign SET status = 'FAILED', status_reason = $2, completed_at = $3, updated_at = $3
         WHERE campaign_id = $1 AND status IN ('SCHEDULED', 'ACTIVE')",
        campaign.0,
        reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Runs that are not over.
///
/// # Errors
/// When the statement fails.
pub async fn open(connection: &mut PgConnection) -> Result<Vec<OpenRun>> {
    Ok(sqlx::query_as!(
        OpenRun,
        r#"SELECT r.run_id, r.campaign_id, r.workspace_id, r.status, c.status AS campaign_status, r.expires_at <= now() AS "expired!",
                  r.traceparent
           FROM send.run r JOIN core.campaign c USING (campaign_id)
           WHERE r.status IN ('expanding', 'sending') ORDER BY r.run_id"#
    )
    .fetch_all(connection)
    .await?)
}

/// Runs that may be over: cancelled, or their time is up, or no job of theirs is left. [`has_pending`] says whether they are.
///
/// # Errors
/// When the statement fails.
pub async fn to_close(connection: &mut PgConnection) -> Result<Vec<OpenRun>> {
    Ok(sqlx::query_as!(
        OpenRun,
        r#"SELECT r.run_id, r.campaign_id, r.workspace_id, r.status, c.status AS campaign_status, r.expires_at <= now() AS "expired!",
                  r.traceparent
           FROM send.run r JOIN core.campaign c USING (campaign_id)
           WHERE r.status IN ('expanding', 'sending') AND (c.status = 'CANCELLED' OR r.expires_at <= now()
             OR r.status = 'sending' AND NOT EXISTS (SELECT FROM send.job j WHERE j.run_id = r.run_id))
           ORDER BY r.run_id"#
    )
    .fetch_all(connection)
    .await?)
}

/// Whether deliveries of a run may still be sent, or may be on their way, or failed ones are to be tried on another channel. What is
/// uncertain doesn't count: it may stay so for a day, and opens the run again if it has to be sent.
///
/// # Errors
/// When the statement fails.
pub async fn has_pending(connection: &mut PgConnection, run: RunId) -> Result<bool> {
    // Open jobs answer most calls; the count of states is read only when there are none.
    let jobs = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM send.job WHERE run_id = $1) AS "exists!""#, run.0)
        .fetch_one(&mut *connection)
        .await?;
    if jobs {
        return Ok(true);
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM send.delivery WHERE run_id = $1 AND state = 'retry_wait')
               OR EXISTS (SELECT FROM send.delivery WHERE run_id = $1 AND state = 'sending')
               OR EXISTS (SELECT FROM send.delivery WHERE run_id = $1 AND state = 'queued')
               OR EXISTS (SELECT FROM send.rescue x JOIN send.delivery d USING (delivery_id) WHERE d.run_id = $1) AS "exists!""#,
        run.0
    )
    .fetch_one(connection)
    .await?)
}

/// Locks a run that isn't over, waiting for a chunk that is being written to it; false when it is over. What is read afterwards
/// includes that chunk.
///
/// # Errors
/// When the statement fails.
pub async fn lock_open(connection: &mut PgConnection, run: RunId) -> Result<bool> {
    let open = sqlx::query_scalar!(
        "SELECT run_id FROM send.run WHERE run_id = $1 AND status IN ('expanding', 'sending') FOR NO KEY UPDATE",
        run.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(open.is_some())
}

/// Ends a run as `completed` or `cancelled`, and its campaign with it, also when that was paused at its very end.
///
/// # Errors
/// When the statement fails.
pub async fn finish(connection: &mut PgConnection, run: RunId, status: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE send.run SET status = $2, completed_at = $3 WHERE run_id = $1 AND status IN ('expanding', 'sending')",
        run.0,
        status,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.campaign c SET status = 'COMPLETED', completed_at = $2, updated_at = $2
         FROM send.run r WHERE r.run_id = $1 AND c.campaign_id = r.campaign_id AND c.status IN ('ACTIVE', 'PAUSED')",
        run.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose run it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
}

/// Reads whose run it is.
///
/// # Errors
/// When the statement fails, or there is no such run.
pub async fn owner(connection: &mut PgConnection, run: RunId) -> Result<Owner> {
    Ok(sqlx::query_as!(Owner, "SELECT workspace_id, campaign_id FROM send.run WHERE run_id = $1", run.0).fetch_one(connection).await?)
}

/// The run of a campaign that was cancelled.
///
/// # Errors
/// When the statement fails.
pub async fn cancelled_run(connection: &mut PgConnection, campaign: CampaignId) -> Result<Option<RunId>> {
    Ok(sqlx::query_scalar!(
        "SELECT r.run_id FROM send.run r JOIN core.campaign c USING (campaign_id)
         WHERE c.campaign_id = $1 AND c.status = 'CANCELLED' ORDER BY r.created_at DESC LIMIT 1",
        campaign.0
    )
    .fetch_optional(connection)
    .await?
    .map(RunId))
}
