//! Hard bounces of addresses that aren't in the opt-out register yet.

use crate::Result;
use domain::{DeliveryId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// A bounce that comes so long after the one before is counted as the first.
pub const MEMORY: Duration = Duration::days(90);

/// A message bounced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    pub address_key: String,
    /// None where the provider didn't say which.
    pub delivery_id: Option<DeliveryId>,
    pub at: OffsetDateTime,
}

/// Counts bounces, each message once. Answers with how many there are now of each address.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId, bounces: &[Bounce]) -> Result<BTreeMap<String, u32>> {
    let mut of_address: BTreeMap<&str, Vec<&Bounce>> = BTreeMap::new();
    for bounce in bounces {
        let known = of_address.entry(&bounce.address_key).or_default();
        if bounce.delivery_id.is_none() || known.iter().all(|other| other.delivery_id != bounce.delivery_id) {
            known.push(bounce);
        }
    }
    if of_address.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<_> = of_address.keys().map(|key| (*key).to_owned()).collect();
    let counts: Vec<_> = of_address.values().map(|known| i32::try_from(known.len()).unwrap_or(i32::MAX)).collect();
    let deliveries: Vec<_> =
        of_address.values().map(|known| known.iter().filter_map(|bounce| bounce.delivery_id).max().map(|id| id.0)).collect();
    let times: Vec<_> = of_address.values().filter_map(|known| known.iter().map(|bounce| bounce.at).max()).collect();
    let rows = sqlx::query!(
        "INSERT INTO core.bounce AS b (workspace_id, address_key, bounces, delivery_id, last_at)
         SELECT $1, g.key, g.bounces, g.delivery_id, g.at
         FROM unnest($2::text[], $3::int[], $4::bigint[], $5::timestamptz[]) AS g (key, bounces, delivery_id, at)
         ON CONFLICT (workspace_id, address_key) DO UPDATE
         SET bounces = CASE WHEN excluded.bounces = 1 AND b.delivery_id = excluded.delivery_id THEN b.bounces
                            WHEN b.last_at < excluded.last_at - make_interval(secs => $6) THEN excluded.bounces
                            ELSE b.bounces + excluded.bounces END,
             delivery_id = coalesce(excluded.delivery_id, b.delivery_id), last_at = greatest(b.last_at, excluded.last_at)
         RETURNING address_key, bounces",
        workspace.0,
        &keys,
        &counts,
        &deliveries as &[Option<i64>],
        &times,
        MEMORY.as_seconds_f64()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.address_key, row.bounces.unsigned_abs())).collect())
}

/// Forgets what was counted of addresses: they are in the register now.
///
/// # Errors
/// When the statement fails.
pub async fn forget(connection: &mut PgConnection, workspace: WorkspaceId, keys: &[String]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query!("DELETE FROM core.bounce WHERE workspace_id = $1 AND address_key = ANY($2)", workspace.0, keys)
        .execute(connection)
        .await?;
    Ok(())
}
