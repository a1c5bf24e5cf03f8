//! API keys: what programs show instead of a token. Only a hash of the secret is kept, so none can be read out again.

use crate::{Error, Result, page::Page};
use domain::{ApiKeyId, WorkspaceId, role::Role};
use serde::Serialize;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime, serde::rfc3339};
use uuid::Uuid;

/// How exact `last_used_at` is: a key that is used all the time costs one write in so long.
const USE_IS_COARSE: Duration = Duration::minutes(1);

/// A key without its secret. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    #[serde(skip)]
    pub api_key_id: ApiKeyId,
    pub name: String,
    /// Agent or admin.
    pub role: Role,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub created_by: String,
    #[serde(with = "rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// To the minute.
    #[serde(skip)]
    pub last_used_at: Option<OffsetDateTime>,
    #[serde(with = "rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub revoked_by: String,
}

/// What is needed to check a key that somebody shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub workspace: WorkspaceId,
    pub role: Role,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    pub expires_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
    pub last_used_at: Option<OffsetDateTime>,
}

impl Held {
    /// Whether its use as of now is worth a write.
    #[must_use]
    pub fn is_use_news(&self, now: OffsetDateTime) -> bool {
        self.last_used_at.is_none_or(|last| now - last >= USE_IS_COARSE)
    }
}

struct Row {
    api_key_id: Uuid,
    name: String,
    role: String,
    created_at: OffsetDateTime,
    created_by: String,
    expires_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    revoked_by: String,
}

impl TryFrom<Row> for ApiKey {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            api_key_id: row.api_key_id.into(),
            name: row.name,
            role: role(&row.role)?,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
        })
    }
}

/// A stored role.
pub(crate) fn role(word: &str) -> Result<Role> {
    word.parse().map_err(|error: domain::role::UnknownRole| Error::Corrupt { what: "role", reason: error.to_string() })
}

/// Adds a key.
///
/// # Errors
/// `api_key_name` when the workspace has a key of that name that isn't revoked.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, key: &ApiKey, secret_hash: &[u8; 32]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.api_key (api_key_id, workspace_id, name, role, secret_hash, created_at, created_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        key.api_key_id.0,
        workspace.0,
        key.name,
        key.role.as_str(),
        secret_hash.as_slice(),
        key.created_at,
        key.created_by,
        key.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A key of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT api_key_id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by
         FROM core.api_key WHERE workspace_id = $1 AND api_key_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(ApiKey::try_from).transpose()
}

/// A page of keys, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, include_revoked: bool, page: Page) -> Result<Vec<ApiKey>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT api_key_id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by
         FROM core.api_key
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR api_key_id > $2) AND ($3 OR revoked_at IS NULL)
         ORDER BY api_key_id LIMIT $4",
        workspace.0,
        page.after,
        include_revoked,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// How many keys of a workspace aren't revoked.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "keys!" FROM core.api_key WHERE workspace_id = $1 AND revoked_at IS NULL"#, workspace.0)
        .fetch_one(connection)
        .await?)
}

/// Revokes a key for good. Answers whether it did: not one that is revoked already.
///
/// # Errors
/// When the statement fails.
pub async fn revoke(connection: &mut PgConnection, workspace: WorkspaceId, id: ApiKeyId, by: &str, now: OffsetDateTime) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.api_key SET revoked_at = $4, revoked_by = $3 WHERE workspace_id = $1 AND api_key_id = $2 AND revoked_at IS NULL",
        workspace.0,
        id.0,
        by,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The key that somebody shows, of whatever workspace it is: before it is known, no transaction can be fenced to its workspace.
/// The transaction may see this one key beside its workspace from then on.
///
/// # Errors
/// When a statement fails.
pub async fn held(connection: &mut PgConnection, id: ApiKeyId) -> Result<Option<Held>> {
    sqlx::query("SELECT set_config('fanfare.api_key_id', $1, true)").bind(id.to_string()).execute(&mut *connection).await?;
    let row = sqlx::query!(
        "SELECT workspace_id, role, secret_hash, expires_at, revoked_at, last_used_at FROM core.api_key WHERE api_key_id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Held {
        workspace: row.workspace_id.into(),
        role: role(&row.role)?,
        secret_hash: row.secret_hash,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
    }))
}

/// Notes that a key was used, at most once a minute.
///
/// # Errors
/// When the statement fails.
pub async fn note_use(connection: &mut PgConnection, workspace: WorkspaceId, id: ApiKeyId, now: OffsetDateTime) -> Result<()> {
    // Several copies of a service may have had the same thought.
    sqlx::query!(
        "UPDATE core.api_key SET last_used_at = $3
         WHERE workspace_id = $1 AND api_key_id = $2 AND (last_used_at IS NULL OR last_used_at <= $4)",
        workspace.0,
        id.0,
        now,
        now - USE_IS_COARSE
    )
    .execute(connection)
    .await?;
    Ok(())
}
