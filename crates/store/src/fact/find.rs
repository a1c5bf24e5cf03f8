//! Finding the delivery that a fact is about.

use super::Fact;
use crate::{
    Result,
    stats::{Finding, Place, Prices},
};
use domain::DeliveryId;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Finds the delivery of each fact: by its id, else by the provider's id for the message. Answers what was found and what wasn't.
///
/// An account may speak of any delivery of its workspace: what failed at one sender may have been sent by another since, and the
/// first one's reports still count.
pub(super) async fn deliveries<'a>(connection: &mut PgConnection, facts: &[&'a Fact]) -> Result<(Vec<Finding<'a>>, Vec<&'a Fact>)> {
    if facts.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let rows = sqlx::query!(
        r#"WITH f AS (
             SELECT f.*, s.workspace_id
             FROM unnest($1::bigint[], $2::uuid[], $3::text[]) WITH ORDINALITY AS f(delivery_id, sender_id, message_id, n)
             LEFT JOIN core.sender s USING (sender_id)
           ), named AS (
             SELECT f.n, d.delivery_id FROM f JOIN send.delivery d
               ON d.delivery_id = f.delivery_id AND (f.sender_id IS NULL OR d.sender_id = f.sender_id OR d.workspace_id = f.workspace_id)
             UNION ALL
             SELECT f.n, (array_agg(d.delivery_id ORDER BY d.sender_id <> f.sender_id, d.delivery_id))[1] FROM f JOIN send.delivery d
               ON d.provider_message_id = f.message_id AND (d.sender_id = f.sender_id OR d.workspace_id = f.workspace_id)
             WHERE f.delivery_id IS NULL GROUP BY f.n
             UNION ALL
             SELECT f.n, min(d.delivery_id) FROM f JOIN send.delivery d
               ON d.earlier_ids IS NOT NULL AND d.earlier_ids @> ARRAY[f.message_id] AND d.workspace_id = f.workspace_id
             WHERE f.delivery_id IS NULL AND f.message_id <> '' GROUP BY f.n
           )
           SELECT named.n AS "n!", d.delivery_id AS "delivery_id!", d.workspace_id AS "workspace_id!", d.campaign_id AS "campaign_id!",
                  d.run_id AS "run_id!", d.channel AS "channel!", d.sender_id AS "sender_id!", coalesce(rs.price_micros, c.price_micros, 0) AS "price_micros!",
                  c.fallback_sender_id AS "fallback_sender_id?", coalesce(c.fallback_price_micros, c.price_micros, 0) AS "fallback_micros!",
                  d.channel = 'sms' AND EXISTS (SELECT FROM send.run_price rp WHERE rp.run_id = d.run_id AND rp.channel = d.channel
                                                 AND rp.reserve_micros IS NOT NULL) AS "costs_its_own!"
           FROM named JOIN send.delivery d USING (delivery_id)
           LEFT JOIN send.run_channel c ON c.run_id = d.run_id AND c.channel = d.channel
           LEFT JOIN send.run_sender rs ON rs.run_id = d.run_id AND rs.channel = d.channel AND rs.sender_id = d.sender_id"#,
        &facts.iter().map(|fact| fact.delivery_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &facts.iter().map(|fact| fact.sender_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &facts.iter().map(|fact| fact.provider_message_id.clone()).collect::<Vec<_>>() as _,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut places = BTreeMap::new();
    for row in rows {
        let place = Place {
            delivery_id: DeliveryId(row.delivery_id),
            workspace_id: row.workspace_id.into(),
            campaign_id: row.campaign_id.into(),
            run_id: row.run_id.into(),
            channel: crate::delivery::channel(&row.channel)?,
            sender_id: row.sender_id.into(),
            prices: Prices { usual: row.price_micros, fallback: row.fallback_sender_id.map(|id| (id.into(), row.fallback_micros)) },
            costs_its_own: row.costs_its_own,
        };
        places.insert(usize::try_from(row.n - 1).unwrap_or_default(), place);
    }
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for (n, fact) in facts.iter().enumerate() {
        match places.remove(&n) {
            Some(place) => found.push(Finding { fact, place }),
            None => lost.push(*fact),
        }
    }
    note_deliveries(connection, &found).await?;
    Ok((found, lost))
}

/// Completes the log: facts that came without a delivery get it.
async fn note_deliveries(connection: &mut PgConnection, found: &[Finding<'_>]) -> Result<()> {
    let newly: Vec<_> = found.iter().filter(|finding| finding.fact.delivery_id.is_none()).collect();
    if newly.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE stats.fact f SET delivery_id = n.delivery_id FROM unnest($1::bytea[], $2::bigint[]) AS n(fact_key, delivery_id)
         WHERE f.fact_key = n.fact_key",
        &newly.iter().map(|finding| finding.fact.key.to_vec()).collect::<Vec<_>>(),
        &newly.iter().map(|finding| finding.place.delivery_id.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
