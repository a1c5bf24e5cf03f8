//! Campaigns: what people edit, and where each is in its life.
//!
//! A change reads the campaign under [`lock`], asks `domain::campaign` where the move leads, and writes it guarded by the status
//! that it moved from. The scheduler moves campaigns too, so the guard is not a formality.

mod audience;
mod consent;
mod facts;
mod notes;
mod parts;
mod row;

pub use facts::{facts, facts_at};
pub use notes::{AudienceNote, Notes, notes, spent_by_channel};

use crate::{Result, page::Page};
use domain::{
    CampaignId, RunId, WorkspaceId,
    campaign::{EngagementRule, Settings, Status},
    tracking::CampaignTracking,
};
use row::{ChannelRow, Row};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// A campaign. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Campaign {
    #[serde(skip)]
    pub campaign_id: CampaignId,
    #[serde(skip)]
    pub workspace_id: WorkspaceId,
    #[serde(flatten)]
    pub settings: Settings,
    pub status: Status,
    /// Where a PAUSED campaign goes on.
    pub paused_from: Option<Status>,
    pub status_reason: String,
    /// The template's version that was submitted, and so the one that is approved and sent; None while it is edited.
    pub template_version: Option<i32>,
    #[serde(with = "rfc3339::option")]
    pub due_at: Option<OffsetDateTime>,
    pub revision: i32,
    pub approved_by: String,
    #[serde(with = "rfc3339::option")]
    pub approved_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub created_by: String,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub updated_at: OffsetDateTime,
    #[serde(skip)]
    pub started_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub completed_at: Option<OffsetDateTime>,
    /// W3C traceparent of the call that sent it.
    #[serde(skip)]
    pub traceparent: String,
    /// Its newest run.
    #[serde(skip)]
    pub run_id: Option<RunId>,
}

/// Adds a campaign with its channels and lists.
///
/// # Errors
/// When a statement fails.
pub async fn insert(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let settings = &campaign.settings;
    sqlx::query!(
        "INSERT INTO core.campaign (campaign_id, workspace_id, name, description, status, template_id, schedule_local_time,
             schedule_timezone, expires_after_hours, revision, created_by, created_at, updated_at, budget_micros, lane)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)",
        campaign.campaign_id.0,
        campaign.workspace_id.0,
        settings.name,
        settings.description,
        campaign.status.as_str(),
        settings.template_id.map(|id| id.0),
        settings.schedule.as_ref().map(|schedule| schedule.local_time.as_str()),
        settings.schedule.as_ref().map(|schedule| schedule.timezone.as_str()),
        settings.expires_after_hours.cast_signed(),
        campaign.revision,
        campaign.created_by,
        campaign.created_at,
        settings.budget_micros,
        settings.lane.as_str()
    )
    .execute(&mut *connection)
    .await?;
    parts::insert(connection, campaign).await
}

/// A campaign of a workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: CampaignId) -> Result<Option<Campaign>> {
    Ok(read(connection, workspace, &[id.0]).await?.pop())
}

/// A campaign of a workspace, locked until the transaction ends, so that moves and edits follow one another.
///
/// # Errors
/// When a statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: CampaignId) -> Result<Option<Campaign>> {
    sqlx::query!("SELECT campaign_id FROM core.campaign WHERE workspace_id = $1 AND campaign_id = $2 FOR NO KEY UPDATE", workspace.0, id.0)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, workspace, id).await
}

/// A page of a workspace's campaigns, newest first; with a status, only those.
///
/// # Errors
/// When a statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page, status: Option<Status>) -> Result<Vec<Campaign>> {
    let ids = sqlx::query_scalar!(
        "SELECT campaign_id FROM core.campaign
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR campaign_id < $2) AND ($3::text IS NULL OR status = $3)
         ORDER BY campaign_id DESC LIMIT $4",
        workspace.0,
        page.after,
        status.map(Status::as_str),
        page.limit()
    )
    .fetch_all(&mut *connection)
    .await?;
    read(connection, workspace, &ids).await
}

/// The campaigns with these ids, newest first.
async fn read(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[Uuid]) -> Result<Vec<Campaign>> {
    sqlx::query_as!(
        Row,
        r#"SELECT c.campaign_id, c.workspace_id, c.name, c.description, c.status, c.paused_from, c.status_reason, c.template_id,
               c.template_version, c.schedule_local_time, c.schedule_timezone, c.due_at, c.expires_after_hours, c.revision,
               c.approved_by, c.approved_at, c.created_by, c.created_at, c.updated_at, c.started_at, c.completed_at, c.traceparent,
               c.budget_micros, c.lane, c.tracking AS "tracking: Json<CampaignTracking>", c.topic_id, c.confirm_list_id,
               (SELECT r.run_id FROM send.run r WHERE r.campaign_id = c.campaign_id ORDER BY r.run_id DESC LIMIT 1) AS run_id,
               ARRAY(SELECT to_jsonb(p) || jsonb_build_object('also_sender_ids', ARRAY(
                         SELECT s.sender_id FROM core.campaign_sender s
                         WHERE s.campaign_id = p.campaign_id AND s.channel = p.channel ORDER BY s.position))
                     FROM core.campaign_channel p WHERE p.campaign_id = c.campaign_id ORDER BY p.channel)
                   AS "channels!: Vec<Json<ChannelRow>>",
               ARRAY(SELECT to_jsonb(p) FROM core.campaign_rule p WHERE p.campaign_id = c.campaign_id ORDER BY p.position)
                   AS "rules!: Vec<Json<EngagementRule>>",
               ARRAY(SELECT p.list_id FROM core.campaign_list p WHERE p.campaign_id = c.campaign_id AND NOT p.excluded ORDER BY 1)
                   AS "list_ids!",
               ARRAY(SELECT p.list_id FROM core.campaign_list p WHERE p.campaign_id = c.campaign_id AND p.excluded ORDER BY 1)
                   AS "exclude_list_ids!",
               c.audience_freeze,
               ARRAY(SELECT p.segment_id FROM core.campaign_segment p WHERE p.campaign_id = c.campaign_id AND NOT p.excluded ORDER BY 1)
                   AS "segment_ids!",
               ARRAY(SELECT p.segment_id FROM core.campaign_segment p WHERE p.campaign_id = c.campaign_id AND p.excluded ORDER BY 1)
                   AS "exclude_segment_ids!"
           FROM core.campaign c WHERE c.workspace_id = $1 AND c.campaign_id = ANY($2) ORDER BY c.campaign_id DESC"#,
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Campaign::try_from)
    .collect()
}

/// Replaces a campaign's settings, and writes its state with [`save_state`]. Returns whether it was still in `from`.
///
/// # Errors
/// When a statement fails.
pub async fn save_settings(connection: &mut PgConnection, from: Status, campaign: &Campaign) -> Result<bool> {
    if !save_state(&mut *connection, from, campaign).await? {
        return Ok(false);
    }
    let (id, settings) = (campaign.campaign_id.0, &campaign.settings);
    sqlx::query!(
        "UPDATE core.campaign SET name = $2, description = $3, template_id = $4, schedule_local_time = $5, schedule_timezone = $6,
             expires_after_hours = $7, revision = $8, budget_micros = $9, lane = $10
         WHERE campaign_id = $1",
        id,
        settings.name,
        settings.description,
        settings.template_id.map(|id| id.0),
        settings.schedule.as_ref().map(|schedule| schedule.local_time.as_str()),
        settings.schedule.as_ref().map(|schedule| schedule.timezone.as_str()),
        settings.expires_after_hours.cast_signed(),
        campaign.revision,
        settings.budget_micros,
        settings.lane.as_str()
    )
    .execute(&mut *connection)
    .await?;
    parts::delete(connection, campaign.campaign_id).await?;
    parts::insert(connection, campaign).await?;
    Ok(true)
}

/// Replaces what may be edited of a campaign that runs (its template, budgets, expiry and rules), and writes its state with
/// [`save_state`]. Whom it is for, and over what, stays untouched. Returns whether it was still in `from`.
///
/// # Errors
/// When a statement fails.
pub async fn save_running(connection: &mut PgConnection, from: Status, campaign: &Campaign) -> Result<bool> {
    if !save_state(&mut *connection, from, campaign).await? {
        return Ok(false);
    }
    let settings = &campaign.settings;
    sqlx::query!(
        "UPDATE core.campaign SET template_id = $2, expires_after_hours = $3, revision = $4, budget_micros = $5 WHERE campaign_id = $1",
        campaign.campaign_id.0,
        settings.template_id.map(|id| id.0),
        settings.expires_after_hours.cast_signed(),
        campaign.revision,
        settings.budget_micros
    )
    .execute(&mut *connection)
    .await?;
    parts::replace_guards(connection, campaign).await?;
    Ok(true)
}

/// Writes where a campaign is in its life. Returns whether it was still in `from`; else nothing is written.
///
/// # Errors
/// When the statement fails.
pub async fn save_state(connection: &mut PgConnection, from: Status, campaign: &Campaign) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.campaign SET status = $4, paused_from = $5, status_reason = $6, template_version = $7, due_at = $8, approved_by = $9,
             approved_at = $10, updated_at = $11, completed_at = $12, traceparent = $13
         WHERE workspace_id = $1 AND campaign_id = $2 AND status = $3",
        campaign.workspace_id.0,
        campaign.campaign_id.0,
        from.as_str(),
        campaign.status.as_str(),
        campaign.paused_from.map(Status::as_str),
        campaign.status_reason,
        campaign.template_version,
        campaign.due_at,
        campaign.approved_by,
        campaign.approved_at,
        campaign.updated_at,
        campaign.completed_at,
        campaign.traceparent
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many deliveries of a campaign wait to be sent.
///
/// # Errors
/// When the statement fails.
pub async fn count_waiting(connection: &mut PgConnection, id: CampaignId) -> Result<u64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM send.run r JOIN send.delivery d ON d.run_id = r.run_id
           WHERE r.campaign_id = $1 AND d.state IN ('queued', 'retry_wait')"#,
        id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// Lets channels of a campaign go on that waited for a person to mend their template. Answers which.
///
/// # Errors
/// When the statement fails.
pub async fn clear_pauses(connection: &mut PgConnection, workspace: WorkspaceId, id: CampaignId) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "UPDATE send.run_channel rc SET paused_at = NULL, paused_code = NULL FROM send.run r
         WHERE r.run_id = rc.run_id AND r.workspace_id = $1 AND r.campaign_id = $2 AND rc.paused_at IS NOT NULL
         RETURNING rc.channel",
        workspace.0,
        id.0
    )
    .fetch_all(connection)
    .await?)
}
