//! Counting a campaign's deliveries anew, from the ledger and from what is known of each, by the rules that the fold counts by.

use crate::{Result, delivery};
use domain::{
    CampaignId, Channel, RunId, WorkspaceId,
    facts::{Bits, Metric, Tally},
};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Makes all that the transaction reads be as of one moment. Must be its first statement.
///
/// # Errors
/// When the statement fails.
pub async fn snapshot(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(connection).await?;
    Ok(())
}

/// The figures of a campaign, by channel, without looking at the counters. What the ledger says counts at once, so while facts are
/// still on their way the counters are behind; once all is folded the two are equal. What is sent once more counts, here as there,
/// under what was last known of it until the new try has an outcome.
///
/// # Errors
/// When the statement fails, or a row can't be read.
pub async fn tallies(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<BTreeMap<Channel, Tally>> {
    let mut tallies = BTreeMap::new();
    for group in groups(connection, workspace, campaign).await? {
        group.add_to(&mut tallies);
    }
    Ok(tallies)
}

/// The same, apart for each run and version of its content: the one that a delivery's last try was made of, 0 for those that nothing was
/// made for. Together they are what [`tallies`] gives.
///
/// # Errors
/// When the statement fails, or a row can't be read.
pub async fn by_version(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
) -> Result<BTreeMap<(RunId, i32), BTreeMap<Channel, Tally>>> {
    let mut versions: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for group in groups(connection, workspace, campaign).await? {
        group.add_to(versions.entry((group.run_id, group.version)).or_default());
    }
    Ok(versions)
}

/// Deliveries of which the same is known.
struct Group {
    run_id: RunId,
    version: i32,
    channel: Channel,
    bits: Bits,
    code: Option<String>,
    price_micros: i64,
    rescue: bool,
    count: i64,
}

impl Group {
    fn add_to(&self, tallies: &mut BTreeMap<Channel, Tally>) {
        let tally = tallies.entry(self.channel).or_default();
        tally.add_deliveries(self.bits, self.code.as_deref(), self.price_micros, self.count);
        if self.rescue {
            tally.add(Metric::Rescued, "", self.count);
        }
    }
}

async fn groups(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Group>> {
    // What was tried before there were versions was made of the first.
    let rows = sqlx::query!(
        r#"SELECT d.run_id, coalesce(d.content_version, (d.attempt > 0)::int) AS "version!", d.channel, d.state, coalesce(s.bits, 0) AS "bits!",
                  CASE WHEN s.code IS NOT NULL THEN s.code WHEN d.state IN ('suppressed', 'rejected') THEN d.reason END AS code,
                  CASE WHEN s.cost_micros > 0 THEN s.cost_micros
                       WHEN coalesce(s.sender_id, d.sender_id) = c.fallback_sender_id THEN coalesce(c.fallback_price_micros, c.price_micros)
                       ELSE coalesce(rs.price_micros, c.price_micros, 0) END AS "price_micros!",
                  d.rescues IS NOT NULL AS "rescue!", count(*) AS "count!"
           FROM send.run r JOIN send.delivery d USING (run_id)
           LEFT JOIN send.run_channel c ON c.run_id = d.run_id AND c.channel = d.channel
           LEFT JOIN send.run_sender rs ON rs.run_id = d.run_id AND rs.channel = d.channel AND rs.sender_id = d.sender_id
           LEFT JOIN stats.delivery_status s ON s.delivery_id = d.delivery_id
           WHERE r.campaign_id = $1 AND r.workspace_id = $2 AND d.workspace_id = $2
           GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Group {
                run_id: row.run_id.into(),
                version: row.version,
                channel: delivery::channel(&row.channel)?,
                bits: Bits(row.bits.cast_unsigned()) | Bits::of_state(delivery::state(&row.state)?),
                code: row.code,
                price_micros: row.price_micros,
                rescue: row.rescue,
                count: row.count,
            })
        })
        .collect()
}
