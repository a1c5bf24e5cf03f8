//! What texts cost by country: a sender's list as people keep it, and as a run pins it when it begins.
//!
//! A run's prices never change: what the gate keeps for a text ([`Pricing::dearest`]) is made of the same list as what it turns out to
//! cost ([`Pricing::quote`]), so that a budget is never passed.

use crate::{Error, PgConnection, Result};
use domain::{
    CampaignId, Channel, RunId, SenderId, WorkspaceId,
    sms::{MAX_SEGMENTS, MAX_SEGMENTS_DEFAULT, Price, PriceList, Pricing},
};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A sender's list; empty without one. It has as many rows as there are countries at most.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId) -> Result<PriceList> {
    let rows = sqlx::query!(
        "SELECT country, price_micros, mms_micros, allowed FROM core.sender_price WHERE workspace_id = $1 AND sender_id = $2",
        workspace.0,
        sender.0
    )
    .fetch_all(connection)
    .await?;
    let of = |price_micros, mms_micros, allowed| Price { price_micros, mms_micros, allowed };
    Ok(PriceList(rows.into_iter().map(|row| (row.country, of(row.price_micros, row.mms_micros, row.allowed))).collect()))
}

/// Puts a list in the place of the one that is there. In a transaction that holds [`super::lock`], so that two don't mix.
///
/// # Errors
/// When a statement fails.
pub async fn replace(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, list: &PriceList) -> Result<()> {
    let countries: Vec<String> = list.0.keys().cloned().collect();
    let prices: Vec<i64> = list.0.values().map(|price| price.price_micros).collect();
    let mms: Vec<Option<i64>> = list.0.values().map(|price| price.mms_micros).collect();
    let allowed: Vec<bool> = list.0.values().map(|price| price.allowed).collect();
    sqlx::query!("DELETE FROM core.sender_price WHERE workspace_id = $1 AND sender_id = $2", workspace.0, sender.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO core.sender_price (sender_id, workspace_id, country, price_micros, mms_micros, allowed)
         SELECT $1, $2, g.country, g.price_micros, g.mms_micros, g.allowed
         FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::boolean[]) AS g (country, price_micros, mms_micros, allowed)",
        sender.0,
        workspace.0,
        &countries,
        &prices,
        &mms as &[Option<i64>],
        &allowed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What texts of a campaign would cost by each of its senders, if it began now.
///
/// # Errors
/// When a statement fails.
pub async fn of_campaign(connection: &mut PgConnection, campaign: CampaignId) -> Result<BTreeMap<SenderId, Pricing>> {
    let rows = sqlx::query!(
        r#"SELECT s.sender_id, s.price_micros, cc.max_segments AS "max_segments?",
                  (SELECT jsonb_object_agg(p.country, jsonb_build_object('price_micros', p.price_micros, 'mms_micros', p.mms_micros,
                                                                         'allowed', p.allowed))
                   FROM core.sender_price p WHERE p.sender_id = s.sender_id) AS prices
           FROM core.campaign_channel cc JOIN core.sender s ON s.sender_id IN (cc.sender_id, cc.fallback_sender_id)
           WHERE cc.campaign_id = $1 AND cc.channel = $2"#,
        campaign.0,
        Channel::Sms.as_str()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let list = row.prices.map(read).transpose()?.unwrap_or_default();
            let max_segments = row.max_segments.map_or(MAX_SEGMENTS_DEFAULT, |most| most.unsigned_abs().into());
            Ok((SenderId(row.sender_id), Pricing { price_micros: row.price_micros, list, max_segments }))
        })
        .collect()
}

/// Pins what the texts of a run cost, as it is now. In the transaction that creates the run; a run that has them keeps them.
///
/// # Errors
/// When a statement fails.
pub async fn pin(connection: &mut PgConnection, campaign: CampaignId, run: RunId) -> Result<()> {
    let prices = of_campaign(&mut *connection, campaign).await?;
    if prices.is_empty() {
        return Ok(());
    }
    let senders: Vec<Uuid> = prices.keys().map(|sender| sender.0).collect();
    let segments: Vec<i16> = prices.values().map(|of| i16::try_from(of.max_segments).unwrap_or(i16::MAX)).collect();
    let lists = prices.values().map(|of| serde_json::to_value(&of.list)).collect::<std::result::Result<Vec<Value>, _>>();
    let lists = lists.map_err(|error| Error::Corrupt { what: "prices", reason: error.to_string() })?;
    let own: Vec<i64> = prices.values().map(|of| of.price_micros).collect();
    let reserves: Vec<Option<i64>> = prices.values().map(|of| (!of.list.0.is_empty()).then(|| of.dearest())).collect();
    sqlx::query!(
        "INSERT INTO send.run_price (run_id, channel, sender_id, workspace_id, max_segments, prices, price_micros, reserve_micros)
         SELECT r.run_id, $2, g.sender_id, r.workspace_id, g.max_segments, g.prices, g.price_micros, g.reserve_micros
         FROM send.run r CROSS JOIN unnest($3::uuid[], $4::smallint[], $5::jsonb[], $6::bigint[], $7::bigint[])
              AS g (sender_id, max_segments, prices, price_micros, reserve_micros)
         WHERE r.run_id = $1
         ON CONFLICT DO NOTHING",
        run.0,
        Channel::Sms.as_str(),
        &senders,
        &segments,
        &lists,
        &own,
        &reserves as &[Option<i64>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the texts of a run cost by each of its senders. Empty for other channels, and for a run that began before there were prices.
///
/// # Errors
/// When the statement fails, or what is stored can't be read.
pub async fn of_run(connection: &mut PgConnection, run: RunId, channel: Channel) -> Result<BTreeMap<SenderId, Pricing>> {
    let rows = sqlx::query!(
        "SELECT sender_id, max_segments, prices, price_micros FROM send.run_price WHERE run_id = $1 AND channel = $2",
        run.0,
        channel.as_str()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let max_segments = u32::from(row.max_segments.unsigned_abs()).min(MAX_SEGMENTS);
            Ok((SenderId(row.sender_id), Pricing { price_micros: row.price_micros, list: read(row.prices)?, max_segments }))
        })
        .collect()
}

fn read(prices: Value) -> Result<PriceList> {
    serde_json::from_value(prices).map_err(|error| Error::Corrupt { what: "prices", reason: error.to_string() })
}
