//! What the fold tells the ledger: reports that settle what was uncertain, and failures that came after the provider's yes.
//!
//! The fold writes a notice with the facts that are the reason for it ([`domain::facts::notices`]), and the dispatchers of its channel
//! take it. There may be several of the same delivery, and one may be about an earlier try than the last.

use crate::{Error, PgConnection, Result};
use domain::{Channel, DeliveryId, SenderId, delivery::State, facts::Notice as Says};
use time::OffsetDateTime;

/// A notice, with the delivery as it is now; both are locked.
#[derive(Debug, Clone)]
pub struct Notice {
    pub says: Says,
    /// The provider's code, or empty.
    pub code: String,
    pub delivery_id: DeliveryId,
    pub sender_id: SenderId,
    pub state: State,
    pub attempt: u32,
    pub reason: Option<String>,
    pub repeats: u32,
    /// Whether an earlier try may have left.
    pub doubtful: bool,
    /// Whether it is about the last try of the delivery.
    pub of_last_try: bool,
    /// Of the message that it is about, when the report says so.
    pub provider_message_id: Option<String>,
    /// Whether its run could still send it: not cancelled, and its time isn't up.
    pub sendable: bool,
}

/// Takes the oldest notices of a channel, up to `limit`, and deletes them: to be acted on in the same transaction. What a worker is at
/// this moment handing over is left for later.
///
/// # Errors
/// When a statement fails, or a row can't be read.
pub async fn take(connection: &mut PgConnection, channel: Channel, limit: i64) -> Result<Vec<Notice>> {
    let rows = sqlx::query!(
        r#"SELECT n.notice_id, n.kind, n.code, d.delivery_id, d.sender_id, d.state, d.attempt, d.reason, d.repeats, d.doubtful,
                  nullif(n.provider_message_id, '') AS provider_message_id,
                  CASE WHEN n.provider_message_id = ANY(d.earlier_ids) AND n.provider_message_id <> '' THEN false
                       WHEN n.provider_message_id <> '' AND d.provider_message_id <> '' THEN n.provider_message_id = d.provider_message_id
                       ELSE d.sent_at IS NULL OR n.created_at >= d.sent_at END AS "of_last_try!",
                  c.status IN ('ACTIVE', 'PAUSED', 'COMPLETED') AND r.expires_at > now() AS "sendable!"
           FROM stats.notice n JOIN send.delivery d USING (delivery_id) JOIN send.run r USING (run_id)
           JOIN core.campaign c ON c.campaign_id = d.campaign_id
           WHERE n.channel = $1 AND d.state <> 'sending'
           ORDER BY n.notice_id LIMIT $2 FOR UPDATE OF n, d SKIP LOCKED"#,
        channel.as_str(),
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.notice_id).collect();
    sqlx::query!("DELETE FROM stats.notice WHERE notice_id = ANY($1)", &ids).execute(connection).await?;
    let mut notices = Vec::with_capacity(rows.len());
    for row in rows {
        notices.push(Notice {
            says: says(&row.kind)?,
            code: row.code,
            delivery_id: DeliveryId(row.delivery_id),
            sender_id: SenderId(row.sender_id),
            state: crate::delivery::state(&row.state)?,
            attempt: row.attempt.unsigned_abs(),
            reason: row.reason,
            repeats: row.repeats.unsigned_abs().into(),
            doubtful: row.doubtful,
            of_last_try: row.of_last_try,
            provider_message_id: row.provider_message_id,
            sendable: row.sendable,
        });
    }
    Ok(notices)
}

fn says(text: &str) -> Result<Says> {
    let known = Says::ALL.into_iter().find(|says| says.as_str() == text);
    known.ok_or_else(|| Error::Corrupt { what: "notice", reason: format!("unknown kind {text:?}") })
}

/// Asks that the contacts of these deliveries, which have failed for good, be tried on the channel that their campaign names for it.
///
/// # Errors
/// When the statement fails.
pub async fn ask_rescue(connection: &mut PgConnection, ids: &[DeliveryId], now: OffsetDateTime) -> Result<u64> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    Ok(sqlx::query!(
        "INSERT INTO send.rescue (delivery_id, created_at)
         SELECT d.delivery_id, $2 FROM send.delivery d JOIN send.run_channel rc USING (run_id, channel)
         WHERE d.delivery_id = ANY($1) AND rc.rescue_channel IS NOT NULL
         ON CONFLICT DO NOTHING",
        &ids,
        now
    )
    .execute(connection)
    .await?
    .rows_affected())
}
