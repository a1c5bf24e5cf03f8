//! Reviews: who asked for what, who decided, and exactly what it was about. What has been decided is never changed.
//!
//! A campaign has at most one review that waits. [`what`] reads what a campaign is made of, for the hash that an approval binds to.

mod row;
mod what;

pub use what::{hold_segments, what};

use crate::{Result, page::Page};
use domain::{
    CampaignId, WorkspaceId,
    campaign::{
        Settings,
        approval::{Hash, Subject, Verdict, What},
    },
};
use row::Row;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A review.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub approval_id: Uuid,
    pub campaign_id: CampaignId,
    pub subject: Subject,
    pub verdict: Verdict,
    /// The campaign's revision that it is about.
    pub revision: i32,
    pub hash: Hash,
    /// In what it differs from what was approved before, as paths.
    pub changed: Vec<String>,
    pub template_version: i32,
    /// The version of the run's content that an approved change has made.
    pub content_version: Option<i32>,
    pub submitted_by: String,
    pub submitted_at: OffsetDateTime,
    /// Empty while it waits.
    pub decided_by: String,
    pub decided_role: String,
    pub decided_at: Option<OffsetDateTime>,
    pub reason: String,
    /// The settings that a change which waits would make.
    pub proposed: Option<Settings>,
}

/// A review that begins.
#[derive(Debug)]
pub struct New<'a> {
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub subject: Subject,
    pub revision: i32,
    pub what: &'a What,
    pub changed: &'a [String],
    pub template_version: i32,
    pub submitted_by: &'a str,
}

/// What is decided, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    pub verdict: Verdict,
    /// What it is about now.
    pub what: &'a What,
    pub changed: &'a [String],
    pub content_version: Option<i32>,
    pub by: &'a str,
    pub role: &'a str,
    pub reason: &'a str,
}

/// Which reviews of a workspace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub campaign: Option<CampaignId>,
    pub subject: Option<Subject>,
    pub verdict: Option<Verdict>,
}

/// Adds a review that waits. Answers with its id.
///
/// # Errors
/// `approval_pending` when the campaign has one already.
pub async fn open(connection: &mut PgConnection, new: New<'_>, now: OffsetDateTime) -> Result<Uuid> {
    let (id, hash) = (Uuid::now_v7(), new.what.hash());
    sqlx::query!(
        "INSERT INTO core.approval (approval_id, workspace_id, campaign_id, subject, decision, revision, what, hash, changed, template_version,
             submitted_by, submitted_at)
         VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11)",
        id,
        new.workspace_id.0,
        new.campaign_id.0,
        new.subject.as_str(),
        new.revision,
        new.what.value(),
        hash.0.as_slice(),
        new.changed,
        new.template_version,
        new.submitted_by,
        now
    )
    .execute(connection)
    .await?;
    Ok(id)
}

/// Decides a review that waits. Returns whether it still did; else nothing is written.
///
/// # Errors
/// When the statement fails.
pub async fn decide(connection: &mut PgConnection, id: Uuid, decision: Decision<'_>, now: OffsetDateTime) -> Result<bool> {
    let hash = decision.what.hash();
    let done = sqlx::query!(
        "UPDATE core.approval SET decision = $2, what = $3, hash = $4, changed = $5, content_version = $6, decided_by = $7, decided_role = $8,
             decided_at = $9, reason = $10
         WHERE approval_id = $1 AND decision = 'pending'",
        id,
        decision.verdict.as_str(),
        decision.what.value(),
        hash.0.as_slice(),
        decision.changed,
        decision.content_version,
        decision.by,
        decision.role,
        now,
        decision.reason
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes back what waits of a campaign, as it was submitted. Returns whether there was anything.
///
/// # Errors
/// When the statement fails.
pub async fn withdraw(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    (by, role): (&str, &str),
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.approval SET decision = 'withdrawn', decided_by = $3, decided_role = $4, decided_at = $5, reason = $6
         WHERE workspace_id = $1 AND campaign_id = $2 AND decision = 'pending'",
        workspace.0,
        campaign.0,
        by,
        role,
        now,
        reason
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A page of reviews, newest first.
///
/// # Errors
/// When the statement fails, or a row can't be read.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, filter: Filter, page: Page) -> Result<Vec<Approval>> {
    sqlx::query_as!(
        Row,
        r#"SELECT approval_id, campaign_id, subject, decision, revision, hash, changed, template_version, content_version, submitted_by,
               submitted_at, decided_by, decided_role, decided_at, reason,
               CASE WHEN decision = 'pending' AND subject = 'change' THEN what -> 'settings' END AS proposed
           FROM core.approval
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR campaign_id = $2) AND ($3::text IS NULL OR subject = $3)
             AND ($4::text IS NULL OR decision = $4) AND ($5::uuid IS NULL OR approval_id < $5)
           ORDER BY approval_id DESC LIMIT $6"#,
        workspace.0,
        filter.campaign.map(|id| id.0),
        filter.subject.map(Subject::as_str),
        filter.verdict.map(Verdict::as_str),
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Approval::try_from)
    .collect()
}

/// The newest review that a filter lets through.
///
/// # Errors
/// When the statement fails, or the row can't be read.
pub async fn newest(connection: &mut PgConnection, workspace: WorkspaceId, filter: Filter) -> Result<Option<Approval>> {
    let page = Page { size: 1, after: None };
    Ok(list(connection, workspace, filter, page).await?.into_iter().next())
}

/// The newest review of each of some campaigns.
///
/// # Errors
/// When the statement fails, or a row can't be read.
pub async fn newest_of_each(connection: &mut PgConnection, workspace: WorkspaceId, campaigns: &[CampaignId]) -> Result<Vec<Approval>> {
    let ids: Vec<_> = campaigns.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Row,
        r#"SELECT a.approval_id AS "approval_id!", a.campaign_id AS "campaign_id!", a.subject AS "subject!", a.decision AS "decision!",
               a.revision AS "revision!", a.hash AS "hash!", a.changed AS "changed!", a.template_version AS "template_version!",
               a.content_version, a.submitted_by AS "submitted_by!", a.submitted_at AS "submitted_at!", a.decided_by AS "decided_by!",
               a.decided_role AS "decided_role!", a.decided_at, a.reason AS "reason!",
               CASE WHEN a.decision = 'pending' AND a.subject = 'change' THEN a.what -> 'settings' END AS proposed
           FROM unnest($2::uuid[]) AS c (campaign_id) CROSS JOIN LATERAL (
             SELECT * FROM core.approval n WHERE n.workspace_id = $1 AND n.campaign_id = c.campaign_id
             ORDER BY n.approval_id DESC LIMIT 1) AS a"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Approval::try_from)
    .collect()
}

/// One review with everything that it is about.
///
/// # Errors
/// When the statement fails, or the row can't be read.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid) -> Result<Option<(Approval, What)>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT approval_id, campaign_id, subject, decision, revision, hash, changed, template_version, content_version, submitted_by,
               submitted_at, decided_by, decided_role, decided_at, reason,
               CASE WHEN decision = 'pending' AND subject = 'change' THEN what -> 'settings' END AS proposed
           FROM core.approval WHERE workspace_id = $1 AND approval_id = $2"#,
        workspace.0,
        id
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let what = sqlx::query_scalar!("SELECT what FROM core.approval WHERE approval_id = $1", id).fetch_one(connection).await?;
    Ok(Some((row.try_into()?, What::stored(what))))
}
