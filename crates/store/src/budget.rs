//! What a campaign's messages may cost: reserved before each leaves, given back when it certainly didn't.
//!
//! A message holds its price (`send.delivery.reserved_micros`) from the gate on, and one whose cost is known only when it is made the most
//! that it can cost; `send.spend` is the sum that all of a campaign's messages hold or have cost. Whoever finds out that a message certainly
//! wasn't taken calls [`refund`] in the same transaction, and whoever finds out what it costs calls [`keep`].
//! A campaign without a budget reserves nothing.

use crate::{PgConnection, Result};
use domain::{CampaignId, Channel, WorkspaceId};
use time::OffsetDateTime;

/// A campaign's budget. At least one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) total_micros: Option<i64>,
    /// For the channel that asks.
    pub(crate) channel_micros: Option<i64>,
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) micros: i64,
    /// The channel's own limit is the narrower one.
    pub(crate) of_channel: bool,
}

/// What a campaign's messages hold or have cost: of all channels, and of the one that asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) total_micros: i64,
    pub(crate) channel_micros: i64,
}

impl Limits {
    pub(crate) fn left(self, spent: Spent) -> Left {
        let left = |limit: Option<i64>, spent: i64| limit.map_or(i64::MAX, |limit| limit - spent);
        let (total, of_channel) = (left(self.total_micros, spent.total_micros), left(self.channel_micros, spent.channel_micros));
        Left { micros: total.min(of_channel), of_channel: of_channel < total }
    }
}

/// Begins to count what a campaign spends on a channel, and locks the sums until the transaction ends. For the first message only: the
/// gate locks the sums with the deliveries.
pub(crate) async fn begin(connection: &mut PgConnection, campaign: CampaignId, workspace: WorkspaceId, channel: Channel) -> Result<Spent> {
    sqlx::query!(
        "INSERT INTO send.spend (campaign_id, channel, workspace_id) VALUES ($1, '', $3), ($1, $2, $3) ON CONFLICT DO NOTHING",
        campaign.0,
        channel.as_str(),
        workspace.0
    )
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query_scalar!(
        "SELECT reserved_micros FROM send.spend WHERE campaign_id = $1 AND channel IN ('', $2) ORDER BY channel FOR UPDATE",
        campaign.0,
        channel.as_str()
    )
    .fetch_all(connection)
    .await?;
    Ok(match rows.as_slice() {
        [total, channel] => Spent { total_micros: *total, channel_micros: *channel },
        _ => Spent::default(),
    })
}

/// Whether some message of a campaign, on that channel or on any, is on its way, and might still be refunded.
pub(crate) async fn is_in_flight(connection: &mut PgConnection, campaign: CampaignId, channel: Option<Channel>) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM send.delivery WHERE state = 'sending' AND campaign_id = $1 AND ($2::text IS NULL OR channel = $2))
           AS "exists!""#,
        campaign.0,
        channel.map(Channel::as_str)
    )
    .fetch_one(connection)
    .await?)
}

/// Gives back what these deliveries hold, because it is certain that none of them was taken. In the transaction that records it. What
/// holds nothing is left alone, so calling it for all that weren't sent is right.
///
/// # Errors
/// When the statement fails.
pub async fn refund(connection: &mut PgConnection, delivery_ids: &[i64]) -> Result<()> {
    keep(connection, delivery_ids, &vec![0; delivery_ids.len()]).await
}

/// Gives back what these deliveries hold beyond what they cost: `costs[n]` is what the n-th costs. In the transaction that records that they
/// have left, or may have. What holds no more than its cost is left alone.
///
/// # Errors
/// When the statement fails.
pub async fn keep(connection: &mut PgConnection, delivery_ids: &[i64], costs: &[i64]) -> Result<()> {
    if delivery_ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH held AS (
           SELECT d.delivery_id, d.campaign_id, d.channel, k.cost, d.reserved_micros - k.cost AS rest
           FROM send.delivery d JOIN unnest($1::bigint[], $2::bigint[]) AS k (delivery_id, cost) USING (delivery_id)
           WHERE d.delivery_id = ANY($1) AND d.reserved_micros > k.cost ORDER BY d.delivery_id FOR UPDATE OF d
         ), freed AS (
           UPDATE send.delivery d SET reserved_micros = held.cost FROM held WHERE d.delivery_id = held.delivery_id
         ), back AS (
           SELECT campaign_id, part.channel, sum(rest)::bigint AS micros
           FROM held CROSS JOIN LATERAL (VALUES (''), (held.channel)) AS part (channel) GROUP BY campaign_id, part.channel
         ), locked AS MATERIALIZED (
           -- In one order, so that two refunds can't wait for each other.
           SELECT s.campaign_id, s.channel, back.micros FROM send.spend s JOIN back USING (campaign_id, channel)
           ORDER BY s.campaign_id, s.channel FOR UPDATE OF s
         )
         UPDATE send.spend s SET reserved_micros = s.reserved_micros - locked.micros FROM locked
         WHERE s.campaign_id = locked.campaign_id AND s.channel = locked.channel",
        delivery_ids,
        costs
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Pauses the campaigns whose budget is used up, by the open alerts that the gate raised: of the whole budget at once; of a channel's
/// when no other channel has anything left to send. The alerts stay open. Answers with the campaigns.
///
/// # Errors
/// When the statement fails.
pub async fn pause_exhausted(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<CampaignId>> {
    let paused = sqlx::query_scalar!(
        "UPDATE core.campaign c
         SET status = 'PAUSED', status_reason = 'the budget is used up: raise it and resume, or cancel', updated_at = $1
         WHERE c.status = 'ACTIVE' AND c.campaign_id IN (
           SELECT a.campaign_id FROM send.alert a WHERE a.kind = $2 AND a.resolved_at IS NULL
             AND (a.channel = '' OR NOT EXISTS (
               SELECT FROM send.job j JOIN send.run_channel rc USING (run_id, channel)
               WHERE j.campaign_id = a.campaign_id AND rc.channel <> ALL (
                 SELECT o.channel FROM send.alert o WHERE o.kind = $2 AND o.campaign_id = a.campaign_id AND o.resolved_at IS NULL))))
         RETURNING c.campaign_id",
        now,
        crate::alert::kind::BUDGET_EXHAUSTED
    )
    .fetch_all(connection)
    .await?;
    Ok(paused.into_iter().map(CampaignId).collect())
}
