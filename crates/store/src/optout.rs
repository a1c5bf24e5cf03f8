//! The register of addresses that must not be messaged, by channel.
//!
//! Addresses are keys (`domain::address`). What reads the register when a message is about to leave is [`crate::gate`]. Each change of it
//! is written down with its evidence ([`crate::consent`]). Of people who were erased, entries are kept under a hash of their address.

mod inbound;
mod known;

pub use inbound::{Addressee, addressees, claim, newest_deliveries, workspaces};
pub use known::of_contacts;

use crate::{Error, Result, delivery};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    Channel, WorkspaceId,
    consent::{Evidence, masked},
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;

/// One entry. What is serialised is what the audit log keeps: not the address, which must be forgotten when its person is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptOut {
    /// None: all channels.
    pub channel: Option<Channel>,
    #[serde(serialize_with = "in_part")]
    pub address_key: String,
    /// One of [`domain::consent::source`].
    pub source: String,
    pub reason: String,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub evidence: Evidence,
}

fn in_part<S: Serializer>(address: &str, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    masked(address).serialize(serializer)
}

const ALL: &str = "all";

pub(crate) fn channel_text(channel: Option<Channel>) -> &'static str {
    channel.map_or(ALL, Channel::as_str)
}

pub(crate) fn read_channel(text: &str) -> Result<Option<Channel>> {
    if text == ALL { Ok(None) } else { delivery::channel(text).map(Some) }
}

/// Adds entries, and writes down that each was said; those that are there stay as they are. `actor` is who of ours does it, empty when
/// it is the person themselves. Answers with what is new.
///
/// # Errors
/// When the statement fails.
pub async fn add(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    opt_outs: &[OptOut],
    actor: &str,
) -> Result<Vec<(Option<Channel>, String)>> {
    let mut ordered: Vec<_> = opt_outs.iter().map(|entry| (&entry.address_key, channel_text(entry.channel), entry)).collect();
    // One order for all writers, so that none waits for another in a circle; each entry once.
    ordered.sort_by_key(|(key, channel, _)| (*key, *channel));
    ordered.dedup_by_key(|(key, channel, _)| (*key, *channel));
    let texts = |text: fn(&OptOut) -> &str| ordered.iter().map(|(_, _, entry)| text(entry).to_owned()).collect::<Vec<_>>();
    let times: Vec<_> = ordered.iter().map(|(_, _, entry)| entry.created_at).collect();
    let evidence: Vec<Value> = ordered.iter().map(|(_, _, entry)| serde_json::json!(entry.evidence)).collect();
    let rows = sqlx::query!(
        r#"WITH given AS (
             SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::jsonb[])
                      AS g (channel, address_key, source, reason, created_at, evidence)
           ), added AS (
             INSERT INTO core.opt_out (workspace_id, channel, address_key, source, reason, created_at, evidence)
             SELECT $1, channel, address_key, source, reason, created_at, evidence FROM given
             ON CONFLICT (workspace_id, address_key, channel) DO NOTHING
             RETURNING channel, address_key
           ), noted AS (
             INSERT INTO core.consent_event (workspace_id, at, kind, channel, address_key, source, actor, evidence)
             SELECT $1, g.created_at, 'opted_out', g.channel, g.address_key, g.source, $8,
                    CASE WHEN g.reason = '' THEN g.evidence ELSE jsonb_build_object('text', g.reason) || g.evidence END
             FROM given g JOIN added USING (channel, address_key) ORDER BY g.created_at
           )
           SELECT channel AS "channel!", address_key AS "address_key!" FROM added"#,
        workspace.0,
        &texts(|entry| channel_text(entry.channel)),
        &texts(|entry| &entry.address_key),
        &texts(|entry| &entry.source),
        &texts(|entry| &entry.reason),
        &times,
        &evidence,
        actor
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((read_channel(&row.channel)?, row.address_key))).collect()
}

/// Removes one entry, also one of a person who was erased. Returns what it was.
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
        r#"WITH removed AS (
             DELETE FROM core.opt_out WHERE workspace_id = $1 AND address_key = $2 AND channel = $3
             RETURNING channel, address_key, source, reason, created_at, evidence
           ), forgotten AS (
             DELETE FROM core.erased_key e USING core.erasure_key k
             WHERE k.workspace_id = $1 AND e.workspace_id = $1 AND e.topic_id IS NULL AND e.channel = $3
               AND e.address_hash IN ($2, core.address_hash(k.inner_key, k.outer_key, $2))
             RETURNING e.channel, e.address_hash, e.source, '' AS reason, e.created_at, '{}'::jsonb AS evidence
           )
           SELECT channel AS "channel!", address_key AS "address_key!", source AS "source!", reason AS "reason!", created_at AS "created_at!",
                  evidence AS "evidence!: Json<Evidence>"
           FROM (SELECT * FROM removed UNION ALL SELECT * FROM forgotten) AS gone LIMIT 1"#,
        workspace.0,
        address_key,
        channel_text(channel)
    )
    .fetch_optional(connection)
    .await?
    .map(OptOut::try_from)
    .transpose()
}

/// Removes an entry that its person may take back: one from these sources, made before `until`; also what is kept of it since the person
/// was erased, which would bring it back. Returns what it was.
///
/// # Errors
/// When the statement fails.
pub async fn take_back(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: Option<Channel>,
    address_key: &str,
    sources: &[String],
    until: OffsetDateTime,
) -> Result<Option<OptOut>> {
    sqlx::query_as!(
        Row,
        r#"WITH taken AS (
             DELETE FROM core.opt_out
             WHERE workspace_id = $1 AND address_key = $2 AND channel = $3 AND source = ANY($4) AND created_at <= $5
             RETURNING channel, address_key, source, reason, created_at, evidence
           ), forgotten AS (
             DELETE FROM core.erased_key e USING core.erasure_key k
             WHERE k.workspace_id = $1 AND e.workspace_id = $1 AND e.topic_id IS NULL AND e.channel = $3 AND e.source = ANY($4)
               AND e.created_at <= $5 AND e.address_hash = core.address_hash(k.inner_key, k.outer_key, $2)
             RETURNING e.channel, e.address_hash, e.source, '' AS reason, e.created_at, '{}'::jsonb AS evidence
           )
           SELECT channel AS "channel!", address_key AS "address_key!", source AS "source!", reason AS "reason!", created_at AS "created_at!",
                  evidence AS "evidence!: Json<Evidence>"
           FROM (SELECT * FROM taken UNION ALL SELECT * FROM forgotten) AS gone LIMIT 1"#,
        workspace.0,
        address_key,
        channel_text(channel),
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
    evidence: Json<Evidence>,
}

impl TryFrom<Row> for OptOut {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let channel = read_channel(&row.channel)?;
        let Row { address_key, source, reason, created_at, evidence: Json(evidence), .. } = row;
        Ok(Self { channel, address_key, source, reason, created_at, evidence })
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

/// A page of entries, or those of one address, also if its person was erased.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, address_key: Option<&str>, page: &Page) -> Result<Vec<OptOut>> {
    let (after_key, after_channel) = page.after.clone().unwrap_or_default();
    sqlx::query_as!(
        Row,
        r#"SELECT channel AS "channel!", address_key AS "address_key!", source AS "source!", reason AS "reason!", created_at AS "created_at!",
                  evidence AS "evidence!: Json<Evidence>"
           FROM ((SELECT channel, address_key, source, reason, created_at, evidence FROM core.opt_out
                  WHERE workspace_id = $1 AND ($2::text IS NULL OR address_key = $2) AND (address_key, channel) > ($3, $4)
                  ORDER BY address_key, channel LIMIT $5)
                 UNION ALL
                 (SELECT e.channel, e.address_hash, e.source, 'the person was erased', e.created_at, '{}'
                  FROM core.erasure_key k JOIN core.erased_key e USING (workspace_id)
                  WHERE workspace_id = $1 AND e.topic_id IS NULL AND (e.address_hash, e.channel) > ($3, $4)
                    AND ($2::text IS NULL OR e.address_hash IN ($2, core.address_hash(k.inner_key, k.outer_key, $2)))
                  ORDER BY e.address_hash, e.channel LIMIT $5)) AS entries
           ORDER BY address_key, channel LIMIT $5"#,
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
