//! What webhook-ingest looks up in the ledger.

use crate::Result;
use domain::{DeliveryId, SenderId};
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
