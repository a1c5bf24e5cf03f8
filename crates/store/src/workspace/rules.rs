//! The rules of a workspace about when and how often its contacts are messaged.

use crate::{Result, delivery::channel};
use domain::{Channel, WorkspaceId, gate::QuietHours};
use serde::{Serialize, Serializer};
use sqlx::PgConnection;
use time::Time;

/// Quiet hours as the audit log keeps them.
pub(super) fn in_words<S: Serializer>(quiet: &Option<QuietHours>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    quiet.map(|quiet| quiet.to_string()).serialize(serializer)
}

/// `21:05`.
#[must_use]
pub fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// The most messages that a contact gets within so many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FrequencyCap {
    /// None: over all channels.
    pub channel: Option<Channel>,
    pub max_messages: i32,
    pub window_hours: i32,
}

const ALL: &str = "all";

/// The caps of a workspace: those of single channels in order of their names, then the one over all.
pub(super) async fn caps(connection: &mut PgConnection, id: WorkspaceId) -> Result<Vec<FrequencyCap>> {
    let rows = sqlx::query!(
        "SELECT channel, max_messages, window_hours FROM core.frequency_cap WHERE workspace_id = $1 ORDER BY channel = $2, channel",
        id.0,
        ALL
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let channel = (row.channel != ALL).then(|| channel(&row.channel)).transpose()?;
            Ok(FrequencyCap { channel, max_messages: row.max_messages, window_hours: row.window_hours })
        })
        .collect()
}

/// Makes these the caps of a workspace.
pub(super) async fn replace_caps(connection: &mut PgConnection, id: WorkspaceId, caps: &[FrequencyCap]) -> Result<()> {
    sqlx::query!("DELETE FROM core.frequency_cap WHERE workspace_id = $1", id.0).execute(&mut *connection).await?;
    if caps.is_empty() {
        return Ok(());
    }
    let channels: Vec<_> = caps.iter().map(|cap| cap.channel.map_or(ALL, Channel::as_str).to_owned()).collect();
    let messages: Vec<_> = caps.iter().map(|cap| cap.max_messages).collect();
    let hours: Vec<_> = caps.iter().map(|cap| cap.window_hours).collect();
    sqlx::query!(
        "INSERT INTO core.frequency_cap (workspace_id, channel, max_messages, window_hours)
         SELECT $1, p.channel, p.messages, p.hours FROM unnest($2::text[], $3::int[], $4::int[]) AS p (channel, messages, hours)",
        id.0,
        &channels,
        &messages,
        &hours
    )
    .execute(connection)
    .await?;
    Ok(())
}
