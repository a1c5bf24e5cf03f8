//! What is looked up for messages that people send back.

use crate::{Result, delivery};
use domain::{Channel, DeliveryId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// Whose deliveries these are, before it is known which workspace to work for. What it reads is opened for this transaction only.
///
/// # Errors
/// When a statement fails.
pub async fn workspaces(connection: &mut PgConnection, deliveries: &[i64]) -> Result<BTreeMap<DeliveryId, WorkspaceId>> {
    let named = format!("{{{}}}", deliveries.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
    sqlx::query("SELECT set_config('fanfare.delivery_ids', $1, true)").bind(named).execute(&mut *connection).await?;
    let rows = sqlx::query!("SELECT delivery_id, workspace_id FROM send.delivery WHERE delivery_id = ANY($1)", deliveries)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (DeliveryId(row.delivery_id), row.workspace_id.into())).collect())
}

/// Claims messages by their keys, so that each is acted on once. Answers with those that are new.
///
/// # Errors
/// When the statement fails.
pub async fn claim(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    keys: &BTreeSet<Uuid>,
    now: OffsetDateTime,
) -> Result<BTreeSet<Uuid>> {
    let keys: Vec<_> = keys.iter().copied().collect();
    let claimed = sqlx::query_scalar!(
        "INSERT INTO core.request (workspace_id, method, request_id, object_id, created_at)
         SELECT $1, 'inbound', key::text, key, $3 FROM unnest($2::uuid[]) AS key
         ON CONFLICT (workspace_id, method, request_id) DO NOTHING
         RETURNING object_id",
        workspace.0,
        &keys,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(claimed.into_iter().collect())
}

/// Who a delivery went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub channel: Channel,
    pub address_key: String,
}

/// Who these deliveries went to; those of other workspaces are left out. A number below zero is a test's message, or an answer's.
///
/// # Errors
/// When the statement fails.
pub async fn addressees(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    deliveries: &[i64],
) -> Result<BTreeMap<DeliveryId, Addressee>> {
    let rows = sqlx::query!(
        r#"SELECT delivery_id AS "delivery_id!", channel AS "channel!", address_key AS "address_key!" FROM send.delivery
           WHERE workspace_id = $1 AND delivery_id = ANY($2) AND address_key IS NOT NULL
           UNION ALL
           SELECT -test_message_id, channel, address_key FROM send.test_message
           WHERE workspace_id = $1 AND test_message_id IN (SELECT -id FROM unnest($2) AS id WHERE id < 0)
           UNION ALL
           SELECT -reply_id, channel, address_keys[1] FROM send.reply
           WHERE workspace_id = $1 AND reply_id IN (SELECT -id FROM unnest($2) AS id WHERE id < 0)"#,
        workspace.0,
        deliveries
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok((DeliveryId(row.delivery_id), Addressee { channel: delivery::channel(&row.channel)?, address_key: row.address_key })))
        .collect()
}

/// For each addressee the newest delivery that may have reached them, of runs that began after `since`; in the order asked.
///
/// # Errors
/// When the statement fails.
pub async fn newest_deliveries(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sought: &[Addressee],
    since: OffsetDateTime,
) -> Result<Vec<Option<DeliveryId>>> {
    let channels: Vec<_> = sought.iter().map(|addressee| addressee.channel.as_str().to_owned()).collect();
    let keys: Vec<_> = sought.iter().map(|addressee| addressee.address_key.clone()).collect();
    // By way of the runs, because deliveries are found by address only within a run; OFFSET 0 keeps the order out of the search. What is
    // uncertain did perhaps arrive, and an answer to it says so; an answer may even overtake the record of what it answers.
    let found = sqlx::query_scalar!(
        r#"SELECT (SELECT delivery_id FROM (SELECT d.delivery_id FROM send.run r JOIN send.delivery d USING (run_id)
                       WHERE r.workspace_id = $1 AND r.created_at >= $4 AND d.channel = sought.channel AND d.address_key = sought.key
                         AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown') OFFSET 0) AS d
                   ORDER BY 1 DESC LIMIT 1) AS delivery_id
           FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS sought(channel, key, n) ORDER BY n"#,
        workspace.0,
        &channels,
        &keys,
        since
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|id| id.map(DeliveryId)).collect())
}
