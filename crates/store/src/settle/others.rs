//! Which messages at a provider belong to other deliveries than the one that is asked about.

use crate::{PgConnection, Result};
use domain::DeliveryId;
use std::{collections::HashMap, time::Duration};
use time::OffsetDateTime;

/// How long the ids of a look-up's neighbours reach back; a provider's clock may differ from ours.
const NEIGHBOURS: Duration = Duration::from_secs(3 * 24 * 3600);

/// For each of these deliveries, the provider's ids of all other messages to its address that the ledger knows of, of three days, and
/// of its own earlier tries.
///
/// # Errors
/// When the statement fails.
pub async fn neighbours(connection: &mut PgConnection, ids: &[DeliveryId], now: OffsetDateTime) -> Result<HashMap<i64, Vec<String>>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, array_agg(DISTINCT m.id) AS "ids!: Vec<String>"
           FROM send.delivery d
           -- Those who have the address now, and the one who had it then: deliveries are found by their contact.
           CROSS JOIN LATERAL (
             SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = d.workspace_id AND c.phone_key = d.address_key
             UNION SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = d.workspace_id AND c.email_key = d.address_key
             UNION SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = d.workspace_id AND c.whatsapp_key = d.address_key
             UNION SELECT d.contact_id) AS owner
           JOIN send.delivery o ON o.contact_id = owner.contact_id AND o.channel = d.channel AND o.address_key = d.address_key
           CROSS JOIN LATERAL unnest(array_append(o.earlier_ids, o.provider_message_id)) AS m (id)
           WHERE d.delivery_id = ANY($1) AND m.id <> '' AND o.updated_at > $2::timestamptz - make_interval(secs => $3)
           GROUP BY d.delivery_id"#,
        &ids,
        now,
        NEIGHBOURS.as_secs_f64()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.delivery_id, row.ids)).collect())
}

/// Those of these deliveries whose message another delivery has already, each given with the provider's id that was found for it. Two who
/// ask about messages to one number may both find the same one: holds the ids until the transaction ends, so that one of them has it.
///
/// # Errors
/// When a statement fails.
pub async fn taken_by_others(connection: &mut PgConnection, found: &[(DeliveryId, &str)]) -> Result<Vec<i64>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = found.iter().map(|(id, _)| id.0).collect();
    let messages: Vec<String> = found.iter().map(|(_, message)| (*message).to_owned()).collect();
    sqlx::query!(
        "SELECT count(pg_advisory_xact_lock(key)) FROM (
           SELECT hashtextextended('found:' || message, 0) AS key FROM unnest($1::text[]) AS message ORDER BY key) AS keys",
        &messages
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(sqlx::query_scalar!(
        r#"SELECT f.delivery_id AS "delivery_id!" FROM unnest($1::bigint[], $2::text[]) AS f (delivery_id, message)
           JOIN send.delivery mine USING (delivery_id)
           WHERE EXISTS (SELECT FROM send.delivery o WHERE o.provider_message_id = f.message AND o.workspace_id = mine.workspace_id
                         AND o.delivery_id <> f.delivery_id)"#,
        &ids,
        &messages
    )
    .fetch_all(connection)
    .await?)
}
