//! What a run sends on a channel by whom, which doesn't change while it lasts. Its content may: see [`crate::run_content`].

use crate::{PgConnection, Result};
use domain::{CampaignId, Channel, ListId, RunId, SenderId, WorkspaceId};
use serde::Deserialize;
use sqlx::types::Json;
use time::OffsetDateTime;

/// What a run sends on a channel: its campaign, and by whom.
#[derive(Debug, Clone)]
pub struct Plan {
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub campaign_name: String,
    /// The list that its messages ask to confirm.
    pub confirm_list_id: Option<ListId>,
    pub sender_id: SenderId,
    /// Of one message by that sender.
    pub price_micros: i64,
    /// Sends what waits while the first sender can't.
    pub fallback: Option<Fallback>,
    /// All senders of a channel that has several, each for its own part; empty on others.
    pub several: Vec<Fallback>,
    /// When what of the run hasn't left yet is dropped.
    pub expires_at: OffsetDateTime,
}

/// Another sender of a channel than its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Fallback {
    pub sender_id: SenderId,
    pub price_micros: i64,
}

/// Reads what a run sends; None when there is no such run or channel.
///
/// # Errors
/// When the statement fails.
pub async fn plan(connection: &mut PgConnection, run: RunId, channel: Channel) -> Result<Option<Plan>> {
    let row = sqlx::query!(
        r#"SELECT r.workspace_id, r.campaign_id, r.expires_at, c.name AS campaign_name, c.confirm_list_id, rc.sender_id, rc.price_micros, rc.fallback_sender_id,
                rc.fallback_price_micros,
                ARRAY(SELECT to_jsonb(s) FROM send.run_sender s WHERE s.run_id = r.run_id AND s.channel = rc.channel ORDER BY s.position)
                    AS "several!: Vec<Json<Fallback>>"
         FROM send.run r JOIN core.campaign c USING (campaign_id) JOIN send.run_channel rc USING (run_id)
         WHERE r.run_id = $1 AND rc.channel = $2"#,
        run.0,
        channel.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Plan {
        workspace_id: WorkspaceId(row.workspace_id),
        campaign_id: CampaignId(row.campaign_id),
        campaign_name: row.campaign_name,
        confirm_list_id: row.confirm_list_id.map(ListId),
        sender_id: SenderId(row.sender_id),
        price_micros: row.price_micros,
        fallback: row
            .fallback_sender_id
            .map(|sender| Fallback { sender_id: SenderId(sender), price_micros: row.fallback_price_micros.unwrap_or(row.price_micros) }),
        expires_at: row.expires_at,
        several: row.several.into_iter().map(|Json(sender)| sender).collect(),
    }))
}
