//! Configured provider accounts. Credentials are stored sealed; this module never opens them.

mod health;
pub mod price;

pub use health::{Health, PAUSED_BY_PERSON, health, pause, resume};

use crate::{Error, Result, delivery, page::Page};
use domain::{Channel, SenderId, WorkspaceId, campaign::SenderFacts};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A sender. What is serialised is what the audit log keeps: names of secrets, never secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sender {
    #[serde(skip)]
    pub sender_id: SenderId,
    #[serde(skip)]
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub channel: Channel,
    /// The provider's slug.
    pub provider: String,
    pub settings: BTreeMap<String, String>,
    /// A JSON object of the secrets, sealed with the 16 bytes of the sender's id as additional data.
    #[serde(skip)]
    pub sealed_secrets: Vec<u8>,
    pub secret_names: Vec<String>,
    pub rate_per_second: f64,
    pub price_micros: i64,
    pub currency: String,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub updated_at: OffsetDateTime,
}

struct Row {
    sender_id: Uuid,
    workspace_id: Uuid,
    name: String,
    channel: String,
    provider: String,
    settings: Json<BTreeMap<String, String>>,
    sealed_secrets: Vec<u8>,
    secret_names: Vec<String>,
    rate_per_second: f64,
    price_micros: i64,
    currency: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for Sender {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            sender_id: row.sender_id.into(),
            workspace_id: row.workspace_id.into(),
            name: row.name,
            channel: delivery::channel(&row.channel)?,
            provider: row.provider,
            settings: row.settings.0,
            sealed_secrets: row.sealed_secrets,
            secret_names: row.secret_names,
            rate_per_second: row.rate_per_second,
            price_micros: row.price_micros,
            currency: row.currency,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Adds a sender.
///
/// # Errors
/// `sender_name` when the workspace has one of that name.
pub async fn insert(connection: &mut PgConnection, sender: &Sender) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
             rate_per_second, price_micros, currency, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        sender.sender_id.0,
        sender.workspace_id.0,
        sender.name,
        sender.channel.as_str(),
        sender.provider,
        Json(&sender.settings) as _,
        sender.sealed_secrets,
        &sender.secret_names,
        sender.rate_per_second,
        sender.price_micros,
        sender.currency,
        sender.created_at,
        sender.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A sender of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: SenderId) -> Result<Option<Sender>> {
    Ok(find(connection, id).await?.filter(|sender| sender.workspace_id == workspace))
}

/// A sender of whatever workspace: for the services that work for all of them.
///
/// # Errors
/// When the statement fails.
pub async fn find(connection: &mut PgConnection, id: SenderId) -> Result<Option<Sender>> {
    sqlx::query_as!(
        Row,
        r#"SELECT sender_id, workspace_id, name, channel, provider, settings AS "settings: Json<BTreeMap<String, String>>", sealed_secrets,
               secret_names, rate_per_second, price_micros, currency, created_at, updated_at
           FROM core.sender WHERE sender_id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?
    .map(Sender::try_from)
    .transpose()
}

/// Locks a sender until the transaction ends, so that two edits follow one another.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, id: SenderId) -> Result<()> {
    sqlx::query!("SELECT sender_id FROM core.sender WHERE workspace_id = $1 AND sender_id = $2 FOR UPDATE", workspace.0, id.0)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// A page of a workspace's senders, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, page: Page) -> Result<Vec<Sender>> {
    sqlx::query_as!(
        Row,
        r#"SELECT sender_id, workspace_id, name, channel, provider, settings AS "settings: Json<BTreeMap<String, String>>", sealed_secrets,
               secret_names, rate_per_second, price_micros, currency, created_at, updated_at
           FROM core.sender WHERE workspace_id = $1 AND ($2::uuid IS NULL OR sender_id > $2) ORDER BY sender_id LIMIT $3"#,
        workspace.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Sender::try_from)
    .collect()
}

/// Writes what may change of a sender: all but its channel and provider. Returns whether it is there.
///
/// # Errors
/// `sender_name` when the workspace has another of that name.
pub async fn update(connection: &mut PgConnection, sender: &Sender) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE core.sender SET name = $3, settings = $4, sealed_secrets = $5, secret_names = $6, rate_per_second = $7, price_micros = $8,
             updated_at = $9
         WHERE workspace_id = $1 AND sender_id = $2",
        sender.workspace_id.0,
        sender.sender_id.0,
        sender.name,
        Json(&sender.settings) as _,
        sender.sealed_secrets,
        &sender.secret_names,
        sender.rate_per_second,
        sender.price_micros,
        sender.updated_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps how many messages one call to a sender's provider carries; 1,000 at most count.
///
/// # Errors
/// When the statement fails.
pub async fn set_batch_size(connection: &mut PgConnection, id: SenderId, batch_size: usize) -> Result<()> {
    let batch_size = i16::try_from(batch_size.clamp(1, 1_000)).unwrap_or(1);
    sqlx::query!("UPDATE core.sender SET batch_size = $2 WHERE sender_id = $1 AND batch_size <> $2", id.0, batch_size)
        .execute(connection)
        .await?;
    Ok(())
}

/// What campaigns need to know of senders. Those of other workspaces are left out.
///
/// # Errors
/// When the statement fails.
pub async fn facts(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[Uuid]) -> Result<BTreeMap<SenderId, SenderFacts>> {
    let rows = sqlx::query!(
        r#"SELECT s.sender_id, s.channel, s.provider, s.currency, coalesce(c.status = 'DISCONNECTED', false) AS "disconnected!"
           FROM core.sender s LEFT JOIN core.sender_connection c USING (sender_id) WHERE s.workspace_id = $1 AND s.sender_id = ANY($2)"#,
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let channel = delivery::channel(&row.channel)?;
            let facts = SenderFacts { channel, provider: row.provider, currency: row.currency, disconnected: row.disconnected };
            Ok((row.sender_id.into(), facts))
        })
        .collect()
}
