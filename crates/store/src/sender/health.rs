//! Whether senders can send: what people and dispatchers keep in send.sender_state, and people's part in changing it.

use crate::Result;
use domain::{SenderId, WorkspaceId, rate};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::{OffsetDateTime, serde::rfc3339};

/// The code of a pause that a person made: nothing but a person ends it.
pub const PAUSED_BY_PERSON: &str = "paused_by_person";

/// Whether a sender can send right now. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Set while it is paused, until a person resumes it.
    #[serde(with = "rfc3339::option")]
    pub paused_at: Option<OffsetDateTime>,
    pub paused_code: String,
    pub paused_detail: String,
    /// Set while its provider doesn't answer: when it is tried again.
    #[serde(with = "rfc3339::option")]
    pub down_until: Option<OffsetDateTime>,
    /// The part of its rate that it has; 1 is all.
    #[serde(skip)]
    pub pace: f64,
}

impl Default for Health {
    fn default() -> Self {
        Self { paused_at: None, paused_code: String::new(), paused_detail: String::new(), down_until: None, pace: 1.0 }
    }
}

impl Health {
    /// Whether a person made it stop, not its provider.
    #[must_use]
    pub fn is_paused_by_person(&self) -> bool {
        self.paused_at.is_some() && self.paused_code == PAUSED_BY_PERSON
    }
}

/// How senders of one workspace are, as of now by the database's clock. One that nothing is wrong with may be left out.
///
/// # Errors
/// When the statement fails.
pub async fn health(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[SenderId]) -> Result<BTreeMap<SenderId, Health>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT s.sender_id, t.paused_at AS "paused_at?", coalesce(t.paused_code, '') AS "code!",
                  coalesce(t.paused_detail, '') AS "detail!", CASE WHEN t.open_until > now() THEN t.open_until END AS down_until,
                  b.pace AS "pace?", extract(epoch FROM b.pace_at)::float8 AS "pace_at?", extract(epoch FROM now())::float8 AS "now!"
           FROM core.sender s LEFT JOIN send.sender_state t USING (sender_id) LEFT JOIN send.rate_bucket b USING (sender_id)
           WHERE s.workspace_id = $1 AND s.sender_id = ANY($2)"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let of = rows.into_iter().map(|row| {
        let paused = row.paused_at.is_some();
        let shown = |text: String| if paused { text } else { String::new() };
        let health = Health {
            paused_at: row.paused_at,
            paused_code: shown(row.code),
            paused_detail: shown(row.detail),
            down_until: row.down_until,
            pace: rate::pace(row.pace.unwrap_or(1.0), row.pace_at, row.now),
        };
        (row.sender_id.into(), health)
    });
    Ok(of.collect())
}

/// Stops a sender until a person resumes it. A reason that its provider gave gives way to the person's.
///
/// # Errors
/// When the statement fails.
pub async fn pause(connection: &mut PgConnection, workspace: WorkspaceId, id: SenderId, reason: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "INSERT INTO send.sender_state AS t (sender_id, workspace_id, paused_at, paused_code, paused_detail) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sender_id) DO UPDATE SET paused_at = coalesce(t.paused_at, EXCLUDED.paused_at), paused_code = EXCLUDED.paused_code,
             paused_detail = EXCLUDED.paused_detail",
        id.0,
        workspace.0,
        now,
        PAUSED_BY_PERSON,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets a sender send again: whatever stopped it is forgotten, its circuit breaker too.
///
/// # Errors
/// When the statement fails.
pub async fn resume(connection: &mut PgConnection, workspace: WorkspaceId, id: SenderId) -> Result<()> {
    sqlx::query!(
        "UPDATE send.sender_state SET paused_at = NULL, paused_code = '', paused_detail = '', failures = 0, trips = 0, open_until = NULL
         WHERE workspace_id = $1 AND sender_id = $2",
        workspace.0,
        id.0
    )
    .execute(connection)
    .await?;
    Ok(())
}
