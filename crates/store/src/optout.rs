//! The register of addresses that must not be messaged, by channel.
//!
//! Addresses are keys (`domain::address`). What reads the register when a message is about to leave is [`crate::gate`].

mod inbound;

pub use inbound::{Addressee, addressees, claim, newest_deliveries, workspaces};

use crate::{Error, Result, delivery};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Channel, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// One entry. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptOut {
    /// None: all channels.
    pub channel: Option<Channel>,
    pub address_key: String,
    /// `api`, `keyword`, `one_click`, `provider`, `complaint`, `bounce`.
    pub source: String,
    pub reason: String,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
}

const ALL: &str = "all";

fn channel_text(channel: Option<Channel>) -> &'static str {
    channel.map_or(ALL, Channel::as_str)
}

fn read_channel(text: &str) -> Result<Option<Channel>> {
    if text == ALL { Ok(None) } else { delivery::channel(text).map(Some) }
}

/// Adds entries; those that are there stay as they are. Answers with what is new.
///
/// # Errors
/// When the statement fails.
pub async fn add(connection: &mut PgConnection, workspace: WorkspaceId, opt_outs: &[OptOut]) -> Result<Vec<(Option<Channel>, String)>> {
    let mut ordered: Vec<_> = opt_outs.iter().map(|entry| (&entry.address_key, channel_text(entry.channel), entry)).collect();
    // One order for all writers, so that none waits for another in a circle; each entry once.
    ordered.sort_by_key(|(key, channel, _)| (*key, *channel));
    ordered.dedup_by_key(|(key, channel, _)| (*key, *channel));
    let texts = |text: fn(&OptOut) -> &str| ordered.iter().map(|(_, _, entry)| text(entry).to_owned()).collect::<Vec<_>>();
    let times: Vec<_> = ordered.iter().map(|(_, _, entry)| entry.created_at).collect();
    let rows = sqlx::query!(
        "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, reason, created_at)
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
         ON CONFLICT (workspace_id, address_key, channel) DO NOTHING
         RETURNING channel, address_key",
        workspace.0,
        &texts(|entry| channel_text(entry.channel)),
        &texts(|entry| &entry.address_key),
        &texts(|entry| &entry.source),
        &texts(|entry| &entry.reason),
        &times
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((read_channel(&row.channel)?, row.address_key))).collect()
}

/// Removes one entry. Returns what it was.
///
/// # Errors
/// When the statement fails.
pub async fn remove(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: Option<Channel>,
    address_key: &str,
) -> Result<Option<OptOut>> {
    sqlx::query_as!(
        Row,
        "DELETE FROM core.opt_out WHERE workspace_id = $1 AND address_key = $2 AND channel = $3
         RETURNING channel, address_key, source, reason, created_at",
        workspace.0,
        address_key,
        channel_text(channel)
    )
    .fetch_optional(connection)
    .await?
    .map(OptOut::try_from)
    .transpose()
}

/// Removes an entry of one channel that its person may take back: one from these sources, made before `until`. Returns what it was.
///
/// # Errors
/// When the statement fails.
pub async fn take_back(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: Channel,
    address_key: &str,
    sources: &[String],
    until: OffsetDateTime,
) -> Result<Option<OptOut>> {
    sqlx::query_as!(
        Row,
        "DELETE FROM core.opt_out
         WHERE workspace_id = $1 AND address_key = $2 AND channel = $3 AND source = ANY($4) AND created_at <= $5
         RETURNING channel, address_key, source, reason, created_at",
        workspace.0,
        address_key,
        channel.as_str(),
        sources,
        until
    )
    .fetch_optional(connection)
    .await?
    .map(OptOut::try_from)
    .transpose()
}

struct Row {
    channel: String,
    address_key: String,
    source: String,
    reason: String,
    created_at: OffsetDateTime,
}

impl TryFrom<Row> for OptOut {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let channel = read_channel(&row.channel)?;
        Ok(Self { channel, address_key: row.address_key, source: row.source, reason: row.reason, created_at: row.created_at })
    }
}

/// A page of entries in order of their address: the token names the last entry of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub size: u32,
    after: Option<(String, String)>,
}

impl Page {
    /// Reads what a caller asked for, as [`crate::page::Page::parse`] does.
    ///
    /// # Errors
    /// When the token isn't one of ours.
    pub fn parse(size: u32, token: &str) -> std::result::Result<Self, crate::page::BadToken> {
        let size = crate::page::Page::parse(size, "")?.size;
        if token.is_empty() {
            return Ok(Self { size, after: None });
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| crate::page::BadToken)?;
        let text = String::from_utf8(bytes).map_err(|_| crate::page::BadToken)?;
        let (channel, key) = text.split_once(' ').ok_or(crate::page::BadToken)?;
        Ok(Self { size, after: Some((key.to_owned(), channel.to_owned())) })
    }

    /// Cuts the extra row off and makes the token of the next page; empty on the last.
    pub fn finish(&self, entries: &mut Vec<OptOut>) -> String {
        if entries.len() <= self.size as usize {
            return String::new();
        }
        entries.truncate(self.size as usize);
        let token = |last: &OptOut| URL_SAFE_NO_PAD.encode(format!("{} {}", channel_text(last.channel), last.address_key));
        entries.last().map(token).unwrap_or_default()
    }
}

/// A page of entries, or those of one address.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, address_key: Option<&str>, page: &Page) -> Result<Vec<OptOut>> {
    let (after_key, after_channel) = page.after.clone().unwrap_or_default();
    sqlx::query_as!(
        Row,
        "SELECT channel, address_key, source, reason, created_at FROM core.opt_out
         WHERE workspace_id = $1 AND ($2::text IS NULL OR address_key = $2) AND (address_key, channel) > ($3, $4)
         ORDER BY address_key, channel LIMIT $5",
        workspace.0,
        address_key,
        after_key,
        after_channel,
        i64::from(page.size) + 1
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(OptOut::try_from)
    .collect()
}
