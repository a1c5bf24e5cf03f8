//! The devices that a sender's notifications go to now.

use super::MAX_LIVE;
use crate::Result;
use domain::{ContactId, DeviceId, SenderId};
use sqlx::PgConnection;
use uuid::Uuid;

/// A device as it is sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Live {
    pub device_id: DeviceId,
    /// `fid`, `token` or `webpush`.
    pub kind: String,
    pub target: String,
    pub p256dh: Option<Vec<u8>>,
    pub auth: Option<Vec<u8>>,
}

// Whoever has the target and the keys can pass for the app.
impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("device_id", &self.device_id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

struct Row {
    device_id: Uuid,
    kind: String,
    target: String,
    p256dh: Option<Vec<u8>>,
    auth: Option<Vec<u8>>,
}

/// A contact's devices of one app, those seen last first.
///
/// # Errors
/// When the statement fails.
pub async fn live(connection: &mut PgConnection, sender: SenderId, contact: ContactId) -> Result<Vec<Live>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT device_id, kind, target, p256dh, auth FROM core.push_device
         WHERE contact_id = $1 AND sender_id = $2 AND gone_at IS NULL
         ORDER BY last_seen_at DESC, device_id LIMIT $3",
        contact.0,
        sender.0,
        // 20 fit.
        MAX_LIVE as i64
    )
    .fetch_all(connection)
    .await?;
    let live = |row: Row| Live { device_id: row.device_id.into(), kind: row.kind, target: row.target, p256dh: row.p256dh, auth: row.auth };
    Ok(rows.into_iter().map(live).collect())
}
