//! Whether a sender's account is connected, as it was seen last.

use crate::{Error, PgConnection, Result};
use domain::{SenderId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::{collections::BTreeMap, fmt, str::FromStr};
use time::OffsetDateTime;
use uuid::Uuid;

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Connected,
    /// Its token has run out or was taken back.
    Expired,
    /// It could not be used, or asked.
    Error,
    /// It has no token.
    Disconnected,
}

/// The text is not the name of a status.
#[derive(Debug, thiserror::Error)]
#[error("unknown connection status {0:?}")]
pub struct UnknownStatus(String);

impl Status {
    pub const ALL: [Self; 4] = [Self::Connected, Self::Expired, Self::Error, Self::Disconnected];

    /// The name used in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "CONNECTED",
            Self::Expired => "EXPIRED",
            Self::Error => "ERROR",
            Self::Disconnected => "DISCONNECTED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// What was found out about an account. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connection {
    pub status: Status,
    /// As people know the account; empty where it has none.
    pub handle: String,
    /// The provider's id of it; empty where it has none.
    pub external_id: String,
    pub scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub token_expires_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub checked_at: OffsetDateTime,
    /// What is wrong, for a person.
    pub detail: String,
    pub posting: Option<Posting>,
    /// When people were told last that the token ends soon.
    #[serde(skip)]
    pub warned_at: Option<OffsetDateTime>,
}

/// How much may still be posted, as the provider counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    pub limit: u32,
    pub used: u32,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub resets_at: Option<OffsetDateTime>,
}

impl Connection {
    /// One of which only this much is known.
    #[must_use]
    pub const fn new(status: Status, checked_at: OffsetDateTime) -> Self {
        Self {
            status,
            handle: String::new(),
            external_id: String::new(),
            scopes: Vec::new(),
            token_expires_at: None,
            checked_at,
            detail: String::new(),
            posting: None,
            warned_at: None,
        }
    }
}

/// The connections of these senders; those that were never looked at are left out.
///
/// # Errors
/// When the statement fails.
pub async fn of(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[SenderId]) -> Result<BTreeMap<SenderId, Connection>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT sender_id, status, handle, external_id, scopes, token_expires_at, checked_at, detail, posting AS "posting: Json<Posting>",
                  warned_at
           FROM core.sender_connection WHERE workspace_id = $1 AND sender_id = ANY($2)"#,
        workspace.0,
        &ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let status = row.status.parse();
            let found = Connection {
                status: status.map_err(|error: UnknownStatus| Error::Corrupt { what: "connection", reason: error.to_string() })?,
                handle: row.handle,
                external_id: row.external_id,
                scopes: row.scopes,
                token_expires_at: row.token_expires_at,
                checked_at: row.checked_at,
                detail: row.detail,
                posting: row.posting.map(|Json(posting)| posting),
                warned_at: row.warned_at,
            };
            Ok((row.sender_id.into(), found))
        })
        .collect()
}

/// Notes that an account has no token. Whose account it was stays known.
///
/// # Errors
/// When the statement fails.
pub async fn disconnect(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.sender_connection (sender_id, workspace_id, status, checked_at) VALUES ($1, $2, 'DISCONNECTED', $3)
         ON CONFLICT (sender_id) DO UPDATE SET status = excluded.status, scopes = '{}', token_expires_at = NULL,
             checked_at = excluded.checked_at, detail = '', posting = NULL, warned_at = NULL",
        sender.0,
        workspace.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down how an account stands, over what was known.
///
/// # Errors
/// When the statement fails.
pub async fn put(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, found: &Connection) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.sender_connection (sender_id, workspace_id, status, handle, external_id, scopes, token_expires_at, checked_at,
             detail, posting, warned_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (sender_id) DO UPDATE SET status = excluded.status, handle = excluded.handle, external_id = excluded.external_id,
             scopes = excluded.scopes, token_expires_at = excluded.token_expires_at, checked_at = excluded.checked_at,
             detail = excluded.detail, posting = excluded.posting, warned_at = excluded.warned_at",
        sender.0,
        workspace.0,
        found.status.as_str(),
        found.handle,
        found.external_id,
        &found.scopes,
        found.token_expires_at,
        found.checked_at,
        found.detail,
        found.posting.map(Json) as _,
        found.warned_at
    )
    .execute(connection)
    .await?;
    Ok(())
}
