//! Which delivery a person's deed is an answer to.

use crate::Result;
use domain::{CampaignId, Channel, ContactId, DeliveryId, SenderId, WorkspaceId, facts::Bits};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The delivery of a campaign that a contact's conversion counts for, of those that left after `since`: the one clicked last, else the
/// one opened last, else the newest that was delivered or taken by the provider.
///
/// # Errors
/// When the statement fails.
pub async fn to_convert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
    since: OffsetDateTime,
) -> Result<Option<DeliveryId>> {
    Ok(sqlx::query_scalar!(
        "SELECT d.delivery_id FROM send.delivery d LEFT JOIN stats.delivery_status s USING (delivery_id)
         WHERE d.workspace_id = $1 AND d.campaign_id = $2 AND d.contact_id = $3 AND coalesce(d.sent_at, d.updated_at) > $4
           AND (s.clicked_at IS NOT NULL OR s.opened_at IS NOT NULL OR d.state = 'accepted' OR s.bits & $5 <> 0)
         ORDER BY s.clicked_at DESC NULLS LAST, s.opened_at DESC NULLS LAST, coalesce(d.sent_at, d.updated_at) DESC, d.delivery_id DESC
         LIMIT 1",
        workspace.0,
        campaign.0,
        contact.0,
        since,
        Bits::DELIVERED.0.cast_signed()
    )
    .fetch_optional(connection)
    .await?
    .map(DeliveryId))
}

/// A message that somebody sent us, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub channel: Channel,
    pub sender_id: SenderId,
    /// Of the person, as deliveries are keyed.
    pub address_key: String,
}

/// For each reply the newest delivery that may have reached its author by that sender after `since`; in the order asked.
///
/// # Errors
/// When the statement fails.
pub async fn to_reply(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    replies: &[Reply],
    since: OffsetDateTime,
) -> Result<Vec<Option<DeliveryId>>> {
    if replies.is_empty() {
        return Ok(Vec::new());
    }
    let channels: Vec<_> = replies.iter().map(|reply| reply.channel.as_str().to_owned()).collect();
    let senders: Vec<_> = replies.iter().map(|reply| reply.sender_id.0).collect();
    let keys: Vec<_> = replies.iter().map(|reply| reply.address_key.clone()).collect();
    // By way of the runs that may have sent since then, because deliveries are found by address only within a run; OFFSET 0 keeps the
    // order out of the search.
    let found = sqlx::query_scalar!(
        r#"SELECT (SELECT delivery_id FROM (SELECT d.delivery_id, d.sent_at FROM send.run r JOIN send.delivery d USING (run_id)
                       WHERE r.workspace_id = $1 AND (r.status IN ('expanding', 'sending') OR r.completed_at >= $5)
                         AND d.channel = sought.channel AND d.address_key = sought.key AND d.sender_id = sought.sender_id
                         AND d.sent_at >= $5 AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown') OFFSET 0) AS d
                   ORDER BY sent_at DESC, delivery_id DESC LIMIT 1) AS delivery_id
           FROM unnest($2::text[], $3::uuid[], $4::text[]) WITH ORDINALITY AS sought(channel, sender_id, key, n) ORDER BY n"#,
        workspace.0,
        &channels,
        &senders,
        &keys,
        since
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|id| id.map(DeliveryId)).collect())
}
