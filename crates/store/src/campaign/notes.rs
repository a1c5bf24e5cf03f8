//! What is shown with a campaign and is none of its settings: its open alerts, what it has spent, its newest review, and which version of
//! its content its run sends.

use super::Campaign;
use crate::{
    Result,
    alert::{self, Alert},
    approval::{self, Approval},
    delivery::channel,
    list::copy,
    run_content,
};
use domain::{CampaignId, Channel, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Alerts shown with one campaign at most, the newest.
const MAX_ALERTS: usize = 20;

/// Of one campaign.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// About it and its senders, newest first.
    pub alerts: Vec<Alert>,
    /// Reserved for messages that left or are leaving; 0 when it never had a budget.
    pub spent_micros: i64,
    /// Its newest.
    pub review: Option<Approval>,
    /// Of its run's content, the one that it sends; 0 without a run.
    pub content_version: i32,
    pub audience: AudienceNote,
}

/// Whom a campaign is for, as far as that is settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AudienceNote {
    /// Contacts that were copied into it.
    pub own_contacts: u64,
    /// When its audience was frozen, and how many contacts it had then.
    pub frozen: Option<(OffsetDateTime, u64)>,
}

/// Reads them for any number of campaigns of one workspace: six statements. In the order of the campaigns.
///
/// # Errors
/// When a statement fails.
pub async fn notes(connection: &mut PgConnection, workspace: WorkspaceId, campaigns: &[&Campaign]) -> Result<Vec<Notes>> {
    let ids: Vec<_> = campaigns.iter().map(|campaign| campaign.campaign_id).collect();
    let senders: Vec<_> = campaigns.iter().flat_map(|campaign| campaign.settings.senders()).collect();
    let alerts = alert::open(connection, workspace, &ids, &senders).await?;
    let spent = spent(connection, workspace, &ids).await?;
    let reviews = approval::newest_of_each(connection, workspace, &ids).await?;
    let mut reviews: BTreeMap<_, _> = reviews.into_iter().map(|review| (review.campaign_id, review)).collect();
    let runs: Vec<_> = campaigns.iter().filter_map(|campaign| campaign.run_id).collect();
    let versions: BTreeMap<_, _> = run_content::of_runs(connection, workspace, &runs).await?.into_iter().collect();
    let audiences = audiences(connection, workspace, &ids).await?;
    let of = |campaign: &&Campaign| {
        let concerns = |alert: &&Alert| match alert.campaign_id {
            Some(id) => id == campaign.campaign_id,
            None => campaign.settings.senders().any(|sender| alert.sender_id == Some(sender)),
        };
        Notes {
            alerts: alerts.iter().filter(concerns).take(MAX_ALERTS).cloned().collect(),
            spent_micros: spent.get(&campaign.campaign_id).copied().unwrap_or_default(),
            review: reviews.remove(&campaign.campaign_id),
            content_version: campaign.run_id.and_then(|run| versions.get(&run).copied()).unwrap_or_default(),
            audience: audiences.get(&campaign.campaign_id).copied().unwrap_or_default(),
        }
    };
    Ok(campaigns.iter().map(of).collect())
}

async fn audiences(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[CampaignId],
) -> Result<BTreeMap<CampaignId, AudienceNote>> {
    let own = copy::count(&mut *connection, ids).await?;
    let rows = sqlx::query!(
        "SELECT campaign_id, audience_frozen_at, audience_contacts FROM core.campaign WHERE workspace_id = $1 AND campaign_id = ANY($2)",
        workspace.0,
        &ids.iter().map(|id| id.0).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    let note = rows.into_iter().map(|row| {
        let id = CampaignId(row.campaign_id);
        let contacts = row.audience_contacts.unwrap_or_default().unsigned_abs();
        let frozen = row.audience_frozen_at.map(|at| (at, contacts));
        (id, AudienceNote { own_contacts: own.get(&id).copied().unwrap_or_default(), frozen })
    });
    Ok(note.collect())
}

async fn spent(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[CampaignId]) -> Result<BTreeMap<CampaignId, i64>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    // One that has budgets of single channels only may have no row for all of them together.
    let rows = sqlx::query!(
        r#"SELECT campaign_id, coalesce(max(reserved_micros) FILTER (WHERE channel = ''), sum(reserved_micros)::bigint, 0) AS "spent!"
           FROM send.spend WHERE workspace_id = $1 AND campaign_id = ANY($2) GROUP BY campaign_id"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.campaign_id.into(), row.spent)).collect())
}

/// What a campaign's messages hold of its budgets, by channel; None: all of them together.
///
/// # Errors
/// When the statement fails.
pub async fn spent_by_channel(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: CampaignId,
) -> Result<BTreeMap<Option<Channel>, i64>> {
    let rows =
        sqlx::query!("SELECT channel, reserved_micros FROM send.spend WHERE workspace_id = $1 AND campaign_id = $2", workspace.0, id.0)
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(|row| Ok(((!row.channel.is_empty()).then(|| channel(&row.channel)).transpose()?, row.reserved_micros))).collect()
}
