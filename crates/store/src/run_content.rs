//! What a run sends. The first version of its content is in `send.run` itself; a change that was approved while it runs adds another,
//! which holds for whatever the gate lets through from then on. None is ever changed.

use crate::Result;
use domain::{CampaignId, RunId, TemplateId, WorkspaceId};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a run sends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// From 1.
    pub version: i32,
    pub template_id: TemplateId,
    pub template_version: i32,
    /// When what has not left is dropped.
    pub expires_at: OffsetDateTime,
}

/// A version of a run's content, without the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub run_id: RunId,
    pub version: i32,
    pub template_id: TemplateId,
    pub template_version: i32,
    /// Since when it is sent.
    pub created_at: OffsetDateTime,
    /// Who asked for it; empty for the first.
    pub created_by: String,
}

/// A change of what a run sends.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub workspace_id: WorkspaceId,
    pub run_id: RunId,
    pub template_id: TemplateId,
    pub template_version: i32,
    pub created_by: &'a str,
}

/// Locks the runs of a campaign until the transaction ends. Whoever changes a run and its campaign locks the run first: so does the
/// scheduler when it ends both.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<()> {
    sqlx::query!(
        "SELECT run_id FROM send.run WHERE campaign_id = $1 AND workspace_id = $2 ORDER BY run_id FOR NO KEY UPDATE",
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// What a run sends now.
///
/// # Errors
/// When the statement fails, or there is no such run.
pub async fn current(connection: &mut PgConnection, run: RunId) -> Result<Current> {
    Ok(sqlx::query_as!(
        Current,
        r#"SELECT r.content_version AS version, coalesce(c.template_id, r.template_id) AS "template_id!",
                  coalesce(c.template_version, r.template_version) AS "template_version!", r.expires_at
           FROM send.run r LEFT JOIN send.run_content c ON c.run_id = r.run_id AND c.version = r.content_version
           WHERE r.run_id = $1"#,
        run.0
    )
    .fetch_one(connection)
    .await?)
}

/// One version of a run's content; None when there is none.
///
/// # Errors
/// When the statement fails.
pub async fn read(connection: &mut PgConnection, run: RunId, version: i32) -> Result<Option<Value>> {
    Ok(sqlx::query_scalar!(
        "SELECT CASE WHEN $2 = 1 THEN r.content ELSE c.content END AS content
         FROM send.run r LEFT JOIN send.run_content c ON c.run_id = r.run_id AND c.version = $2 WHERE r.run_id = $1",
        run.0,
        version
    )
    .fetch_optional(connection)
    .await?
    .flatten())
}

/// Adds a version, from a version of a template, that the run sends from now on. Answers with its number.
///
/// # Errors
/// When the statement fails, or there is no such run or version of the template: then the transaction must be rolled back.
pub async fn add(connection: &mut PgConnection, new: New<'_>, now: OffsetDateTime) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        "WITH next AS (
           UPDATE send.run SET content_version = content_version + 1 WHERE run_id = $1 AND workspace_id = $2
           RETURNING run_id, workspace_id, content_version
         )
         INSERT INTO send.run_content (run_id, version, workspace_id, template_id, template_version, content, created_at, created_by)
         SELECT n.run_id, n.content_version, n.workspace_id, v.template_id, v.version, v.content, $5, $6
         FROM next n JOIN core.template_version v ON v.workspace_id = n.workspace_id AND v.template_id = $3 AND v.version = $4
         RETURNING version",
        new.run_id.0,
        new.workspace_id.0,
        new.template_id.0,
        new.template_version,
        now,
        new.created_by
    )
    .fetch_one(connection)
    .await?)
}

/// Moves a run's expiry by so many hours.
///
/// # Errors
/// When the statement fails.
pub async fn move_expiry(connection: &mut PgConnection, workspace: WorkspaceId, run: RunId, hours: i32) -> Result<()> {
    sqlx::query!(
        "UPDATE send.run SET expires_at = expires_at + make_interval(hours => $3) WHERE run_id = $1 AND workspace_id = $2",
        run.0,
        workspace.0,
        hours
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which version each of some runs sends now.
///
/// # Errors
/// When the statement fails.
pub async fn of_runs(connection: &mut PgConnection, workspace: WorkspaceId, runs: &[RunId]) -> Result<Vec<(RunId, i32)>> {
    let ids: Vec<Uuid> = runs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!("SELECT run_id, content_version FROM send.run WHERE workspace_id = $1 AND run_id = ANY($2)", workspace.0, &ids)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.run_id.into(), row.content_version)).collect())
}

/// All versions of what a campaign's runs have sent, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn versions(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Version>> {
    Ok(sqlx::query_as!(
        Version,
        r#"SELECT r.run_id AS "run_id!", v.version AS "version!", v.template_id AS "template_id!", v.template_version AS "template_version!",
                  v.created_at AS "created_at!", v.created_by AS "created_by!"
           FROM send.run r CROSS JOIN LATERAL (
             SELECT 1 AS version, r.template_id, r.template_version, r.created_at, '' AS created_by
             UNION ALL
             SELECT c.version, c.template_id, c.template_version, c.created_at, c.created_by FROM send.run_content c
             WHERE c.run_id = r.run_id) AS v
           WHERE r.campaign_id = $1 AND r.workspace_id = $2 ORDER BY r.run_id, v.version"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?)
}
