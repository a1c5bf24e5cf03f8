//! Runs that are over but have something to send again: what was uncertain turned out not to have left, a failure was reported after
//! the last message had gone, or a person asked for it.

use crate::Result;
use domain::{CampaignId, RunId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A run in which something waits to be sent again; locked.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub run_id: RunId,
    pub campaign_id: CampaignId,
    pub workspace_id: WorkspaceId,
    pub status: String,
    pub campaign_status: String,
    pub expired: bool,
}

/// Takes the runs that somebody asked to open again, up to `limit`, and locks them with their campaigns.
///
/// # Errors
/// When a statement fails.
pub async fn take(connection: &mut PgConnection, limit: i64) -> Result<Vec<Waiting>> {
    let runs = sqlx::query_scalar!(
        "DELETE FROM send.reopen WHERE run_id IN (SELECT run_id FROM send.reopen ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING run_id",
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as!(
        Waiting,
        r#"SELECT r.run_id, r.campaign_id, r.workspace_id, r.status, c.status AS campaign_status, r.expires_at <= now() AS "expired!"
           FROM send.run r JOIN core.campaign c USING (campaign_id) WHERE r.run_id = ANY($1) ORDER BY r.run_id FOR NO KEY UPDATE"#,
        &runs
    )
    .fetch_all(connection)
    .await?)
}

/// Opens a run that was completed, and its campaign with it. Answers whether it was completed.
///
/// # Errors
/// When a statement fails.
pub async fn reopen(connection: &mut PgConnection, run: RunId, now: OffsetDateTime) -> Result<bool> {
    let campaign = sqlx::query_scalar!(
        "UPDATE send.run SET status = 'sending', completed_at = NULL WHERE run_id = $1 AND status = 'completed' RETURNING campaign_id",
        run.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(campaign) = campaign else { return Ok(false) };
    sqlx::query!(
        "UPDATE core.campaign SET status = 'ACTIVE', completed_at = NULL, updated_at = $2 WHERE campaign_id = $1 AND status = 'COMPLETED'",
        campaign,
        now
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Opens a run that is over, whatever became of its campaign, so that what is left of it is dropped and the run ended anew.
///
/// # Errors
/// When the statement fails.
pub async fn keep_open(connection: &mut PgConnection, run: RunId) -> Result<()> {
    sqlx::query!(
        "UPDATE send.run SET status = 'sending', completed_at = NULL WHERE run_id = $1 AND status IN ('completed', 'cancelled')",
        run.0
    )
    .execute(connection)
    .await?;
    Ok(())
}
