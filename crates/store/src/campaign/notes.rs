//! What is shown with a campaign and is none of its settings: its open alerts, and what it has spent.

use super::Campaign;
use crate::{
    Result,
    alert::{self, Alert},
    delivery::channel,
};
use domain::{CampaignId, Channel, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Alerts shown with one campaign at most, the newest.
const MAX_ALERTS: usize = 20;

/// Of one campaign.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// About it and its senders, newest first.
    pub alerts: Vec<Alert>,
    /// Reserved for messages that left or are leaving; 0 when it never had a budget.
    pub spent_micros: i64,
}

/// Reads them for any number of campaigns of one workspace: two statements. In the order of the campaigns.
///
/// # Errors
/// When a statement fails.
pub async fn notes(connection: &mut PgConnection, workspace: WorkspaceId, campaigns: &[&Campaign]) -> Result<Vec<Notes>> {
    let ids: Vec<_> = campaigns.iter().map(|campaign| campaign.campaign_id).collect();
    let senders: Vec<_> = campaigns.iter().flat_map(|campaign| campaign.settings.senders()).collect();
    let alerts = alert::open(connection, workspace, &ids, &senders).await?;
    let spent = spent(connection, workspace, &ids).await?;
    let of = |campaign: &&Campaign| {
        let concerns = |alert: &&Alert| match alert.campaign_id {
            Some(id) => id == campaign.campaign_id,
            None => campaign.settings.senders().any(|sender| alert.sender_id == Some(sender)),
        };
        Notes {
            alerts: alerts.iter().filter(concerns).take(MAX_ALERTS).cloned().collect(),
            spent_micros: spent.get(&campaign.campaign_id).copied().unwrap_or_default(),
        }
    };
    Ok(campaigns.iter().map(of).collect())
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
