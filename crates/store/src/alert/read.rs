//! Alerts as people see them.

use super::Result;
use crate::{Error, delivery::channel, page::Page};
use domain::{CampaignId, Channel, SenderId, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;
use time::{OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// Open alerts read at once at most.
const MAX_OPEN: i64 = 1_000;

/// An alert. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    #[serde(skip)]
    pub alert_id: Uuid,
    pub kind: String,
    pub campaign_id: Option<CampaignId>,
    pub sender_id: Option<SenderId>,
    pub channel: Option<Channel>,
    pub code: String,
    pub detail: String,
    /// How often it came up while it was open.
    pub times: i32,
    #[serde(with = "rfc3339")]
    pub raised_at: OffsetDateTime,
    #[serde(with = "rfc3339")]
    pub last_at: OffsetDateTime,
    #[serde(with = "rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
    pub resolved_by: String,
}

struct Row {
    alert_id: Uuid,
    kind: String,
    campaign_id: Option<Uuid>,
    sender_id: Option<Uuid>,
    channel: String,
    code: String,
    detail: String,
    times: i32,
    raised_at: OffsetDateTime,
    last_at: OffsetDateTime,
    resolved_at: Option<OffsetDateTime>,
    resolved_by: String,
}

impl TryFrom<Row> for Alert {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            alert_id: row.alert_id,
            kind: row.kind,
            campaign_id: row.campaign_id.map(Into::into),
            sender_id: row.sender_id.map(Into::into),
            channel: (!row.channel.is_empty()).then(|| channel(&row.channel)).transpose()?,
            code: row.code,
            detail: row.detail,
            times: row.times,
            raised_at: row.raised_at,
            last_at: row.last_at,
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by,
        })
    }
}

fn read(rows: Vec<Row>) -> Result<Vec<Alert>> {
    rows.into_iter().map(Alert::try_from).collect()
}

/// The open alerts about these campaigns, and about these senders as such; newest first, at most 1,000.
///
/// # Errors
/// When the statement fails.
pub async fn open(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaigns: &[CampaignId],
    senders: &[SenderId],
) -> Result<Vec<Alert>> {
    let campaigns: Vec<_> = campaigns.iter().map(|id| id.0).collect();
    let senders: Vec<_> = senders.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        Row,
        "SELECT alert_id, kind, campaign_id, sender_id, channel, code, detail, times, raised_at, last_at, resolved_at, resolved_by
         FROM send.alert WHERE workspace_id = $1 AND resolved_at IS NULL
           AND (campaign_id = ANY($2) OR campaign_id IS NULL AND sender_id = ANY($3))
         ORDER BY raised_at DESC, alert_id DESC LIMIT $4",
        workspace.0,
        &campaigns,
        &senders,
        MAX_OPEN
    )
    .fetch_all(connection)
    .await?;
    read(rows)
}

/// Which alerts to list.
#[derive(Debug, Clone)]
pub enum About {
    /// All of the workspace.
    Workspace,
    /// Those about a campaign, and about its senders as such.
    Campaign(CampaignId, Vec<SenderId>),
}

/// A page of a workspace's alerts, newest first; with `resolved`, also those that are.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, about: &About, resolved: bool, page: Page) -> Result<Vec<Alert>> {
    let (campaign, senders) = match about {
        About::Workspace => (None, Vec::new()),
        About::Campaign(campaign, senders) => (Some(campaign.0), senders.iter().map(|id| id.0).collect()),
    };
    let rows = sqlx::query_as!(
        Row,
        "SELECT alert_id, kind, campaign_id, sender_id, channel, code, detail, times, raised_at, last_at, resolved_at, resolved_by
         FROM send.alert WHERE workspace_id = $1 AND ($4 OR resolved_at IS NULL)
           AND ($2::uuid IS NULL OR campaign_id = $2 OR campaign_id IS NULL AND sender_id = ANY($3))
           AND ($5::uuid IS NULL OR (raised_at, alert_id) < (SELECT a.raised_at, a.alert_id FROM send.alert a WHERE a.alert_id = $5))
         ORDER BY raised_at DESC, alert_id DESC LIMIT $6",
        workspace.0,
        campaign,
        &senders,
        resolved,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    read(rows)
}

/// An alert of a workspace, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid) -> Result<Option<Alert>> {
    sqlx::query_as!(
        Row,
        "SELECT alert_id, kind, campaign_id, sender_id, channel, code, detail, times, raised_at, last_at, resolved_at, resolved_by
         FROM send.alert WHERE workspace_id = $1 AND alert_id = $2 FOR UPDATE",
        workspace.0,
        id
    )
    .fetch_optional(connection)
    .await?
    .map(Alert::try_from)
    .transpose()
}

/// Marks an open alert as seen to.
///
/// # Errors
/// When the statement fails.
pub async fn resolve_one(connection: &mut PgConnection, workspace: WorkspaceId, id: Uuid, by: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE send.alert SET resolved_at = $4, resolved_by = $3 WHERE workspace_id = $1 AND alert_id = $2 AND resolved_at IS NULL",
        workspace.0,
        id,
        by,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
