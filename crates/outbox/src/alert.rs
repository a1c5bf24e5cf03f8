//! Alerts as news: for whoever listens to the stream ALERT. The alerts themselves are rows that people see and resolve.

use crate::ALERTS;
use prost::Message;
use proto::event::Alert;
use store::{
    PgConnection,
    alert::{self, Raise},
};
use time::OffsetDateTime;

/// Adds the news of an alert to the transaction that raises or resolves it.
///
/// # Errors
/// When the database fails.
pub async fn add_alert(
    connection: &mut PgConnection,
    origin: &str,
    alert: &Alert,
    traceparent: &str,
    now: OffsetDateTime,
) -> store::Result<()> {
    store::outbox::add(connection, origin, ALERTS, &[alert.encode_to_vec()], traceparent, now).await
}

/// Raises an alert, with its news when it is new. Answers whether it is; an open one is only counted.
///
/// # Errors
/// When the database fails.
pub async fn raise_alert(
    connection: &mut PgConnection,
    origin: &str,
    raise: &Raise<'_>,
    traceparent: &str,
    now: OffsetDateTime,
) -> store::Result<bool> {
    let Some(id) = alert::raise(connection, raise, now).await? else { return Ok(false) };
    let news = Alert {
        alert_id: id.to_string(),
        workspace_id: raise.workspace_id.to_string(),
        campaign_id: raise.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
        sender_id: raise.sender_id.map(|id| id.to_string()).unwrap_or_default(),
        channel: raise.channel.map(|channel| channel.to_string()).unwrap_or_default(),
        kind: raise.kind.to_owned(),
        code: raise.code.to_owned(),
        detail: raise.detail.to_owned(),
        raised_at_ms: crate::millis(now),
        resolved: false,
    };
    add_alert(connection, origin, &news, traceparent, now).await?;
    Ok(true)
}
