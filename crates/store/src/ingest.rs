//! What webhook-ingest looks up in the ledger.

use crate::{Result, delivery::channel as read_channel};
use domain::{Channel, DeliveryId, SenderId, WorkspaceId};
use sqlx::PgConnection;

/// The delivery that a sender's message of that id is; None when it isn't recorded (yet).
///
/// # Errors
/// When the statement fails.
pub async fn delivery_of(connection: &mut PgConnection, sender: SenderId, provider_message_id: &str) -> Result<Option<DeliveryId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT min(delivery_id) FROM send.delivery WHERE provider_message_id = $1 AND sender_id = $2"#,
        provider_message_id,
        sender.0
    )
    .fetch_one(connection)
    .await?
    .map(DeliveryId))
}

/// Whose delivery it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentBy {
    pub sender_id: SenderId,
    pub workspace_id: WorkspaceId,
    pub channel: Channel,
}

/// By whom a delivery was sent last; None when there is no such delivery.
///
/// # Errors
/// When the statement fails, or what is stored can't be read.
pub async fn sent_by(connection: &mut PgConnection, delivery: DeliveryId) -> Result<Option<SentBy>> {
    let row = sqlx::query!("SELECT sender_id, workspace_id, channel FROM send.delivery WHERE delivery_id = $1", delivery.0)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let channel = read_channel(&row.channel)?;
    Ok(Some(SentBy { sender_id: SenderId(row.sender_id), workspace_id: WorkspaceId(row.workspace_id), channel }))
}
