//! Counting a campaign's deliveries anew, from the ledger and from what is known of each, by the rules that the fold counts by.

use crate::{Result, delivery};
use domain::{
    CampaignId, Channel, WorkspaceId,
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
    let rows = sqlx::query!(
        r#"SELECT d.channel, d.state, coalesce(s.bits, 0) AS "bits!",
                  CASE WHEN s.code IS NOT NULL THEN s.code WHEN d.state IN ('suppressed', 'rejected') THEN d.reason END AS code,
                  CASE WHEN coalesce(s.sender_id, d.sender_id) = c.fallback_sender_id THEN coalesce(c.fallback_price_micros, c.price_micros)
                       ELSE coalesce(c.price_micros, 0) END AS "price_micros!",
                  d.rescues IS NOT NULL AS "rescue!", count(*) AS "count!"
           FROM send.run r JOIN send.delivery d USING (run_id)
           LEFT JOIN send.run_channel c ON c.run_id = d.run_id AND c.channel = d.channel
           LEFT JOIN stats.delivery_status s ON s.delivery_id = d.delivery_id
           WHERE r.campaign_id = $1 AND r.workspace_id = $2 AND d.workspace_id = $2
           GROUP BY 1, 2, 3, 4, 5, 6"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?;
    let mut tallies: BTreeMap<Channel, Tally> = BTreeMap::new();
    for row in rows {
        let bits = Bits(row.bits.cast_unsigned()) | Bits::of_state(delivery::state(&row.state)?);
        let tally = tallies.entry(delivery::channel(&row.channel)?).or_default();
        tally.add_deliveries(bits, row.code.as_deref(), row.price_micros, row.count);
        if row.rescue {
            tally.add(Metric::Rescued, "", row.count);
        }
    }
    Ok(tallies)
}
