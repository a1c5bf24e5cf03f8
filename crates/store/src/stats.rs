//! What is known of each delivery, and the counters that follow it.
//!
//! Written by the fold ([`crate::fact`]), and by a repair ([`crate::rebuild`]): `learn` sets bits and takes the difference that they
//! make, `counters` adds the differences up. Read by tenants: every reading names its workspace, because this role isn't fenced by
//! the database.

mod counters;
mod deliveries;
mod learn;

pub(crate) use counters::{Counters, Place, Prices, save};
pub use deliveries::{Cursor, Delivery, Filter, deliveries};
pub(crate) use learn::{Finding, learn};

use crate::{Error, Result};
use domain::{
    CampaignId, Channel, WorkspaceId,
    facts::{Metric, Tally},
};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What the figures need to know of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// "ACTIVE", …
    pub status: String,
    pub channels: Vec<Channel>,
}

/// A campaign of the workspace; None when it has no such campaign.
///
/// # Errors
/// When the statement fails.
pub async fn head(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Option<Head>> {
    let row = sqlx::query!(
        r#"SELECT status, array(SELECT channel FROM core.campaign_channel h WHERE h.campaign_id = c.campaign_id ORDER BY channel) AS "channels!"
           FROM core.campaign c WHERE campaign_id = $1 AND workspace_id = $2"#,
        campaign.0,
        workspace.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let channels = row.channels.iter().map(|channel| crate::delivery::channel(channel)).collect::<Result<_>>()?;
    Ok(Some(Head { status: row.status, channels }))
}

/// Campaigns with a run that isn't over or has ended since, or about whose figures the alarm is raised: those first, then the newest,
/// `limit` at most.
///
/// # Errors
/// When the statement fails.
pub async fn lately_active(connection: &mut PgConnection, since: OffsetDateTime, limit: i64) -> Result<Vec<(WorkspaceId, CampaignId)>> {
    let rows = sqlx::query!(
        r#"SELECT workspace_id AS "workspace_id!", campaign_id AS "campaign_id!" FROM (
             SELECT workspace_id, campaign_id, true AS raised, last_at AS at FROM send.alert
             WHERE kind = $3 AND resolved_at IS NULL AND campaign_id IS NOT NULL
             UNION ALL
             SELECT workspace_id, campaign_id, false, created_at FROM send.run
             WHERE status IN ('expanding', 'sending') OR completed_at > $1
           ) AS active GROUP BY workspace_id, campaign_id ORDER BY bool_or(raised) DESC, max(at) DESC LIMIT $2"#,
        since,
        limit,
        crate::alert::kind::FIGURES_DISAGREE
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.workspace_id.into(), row.campaign_id.into())).collect())
}

/// The counters of a campaign, by channel.
///
/// # Errors
/// When the statement fails, or a counter can't be read.
pub async fn tallies(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<BTreeMap<Channel, Tally>> {
    Ok(Counters::read(connection, workspace, campaign).await?.tallies())
}

/// Reads a stored metric.
fn metric(name: &str) -> Result<Metric> {
    Metric::from_name(name).ok_or_else(|| Error::Corrupt { what: "metric", reason: name.to_owned() })
}
