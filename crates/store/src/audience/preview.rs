//! Whom an audience reaches, in one pass over its contacts for all channels.
//!
//! The database hands over the hashes of the addresses; [`super::tally`] counts. 16 bytes a contact.

use super::{
    Audience,
    addresses::{Place, addresses},
    make_room,
    tally::{Addresses, Known, Reach, Special, reach},
};
use crate::{Error, Result, segment::compile::Sql};
use domain::{Channel, SenderId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How the messages would be sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    pub channels: &'a [Channel],
    /// Free of frequency caps.
    pub transactional: bool,
    /// By whose devices a notification may go; empty: by anybody's.
    pub apps: &'a [SenderId],
    /// Accounts that a post goes to: each is one message, whoever the contacts are.
    pub accounts: u64,
}

/// Whom an audience reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Distinct contacts.
    pub contacts: u64,
    pub channels: BTreeMap<Channel, Reach>,
}

/// Counts whom each channel reaches of an audience, as of now, and why it doesn't reach the others. Of several contacts with one address
/// the first is reached and the others are duplicates.
///
/// # Errors
/// When a statement fails.
pub async fn preview(connection: &mut PgConnection, audience: &Audience, terms: Terms<'_>) -> Result<Preview> {
    make_room(&mut *connection).await?;
    let found = addresses(&mut *connection, audience, terms).await?;
    let caps = if terms.transactional { Vec::new() } else { caps(&mut *connection, audience.workspace, terms.channels).await? };
    let mut preview = Preview { contacts: found.contacts, channels: BTreeMap::new() };
    for (kind, addresses) in &found.by_kind {
        let channels: Vec<Channel> = found.channels(*kind, terms.channels).collect();
        let place = Place { kind: *kind, apps: terms.apps };
        let known = known(&mut *connection, audience, (&channels, &caps), addresses, place).await?;
        for channel in channels {
            let opted_out = opted_out(&mut *connection, audience.workspace, channel).await?;
            preview.channels.insert(channel, reach(channel, addresses, &opted_out, &known));
        }
    }
    for channel in terms.channels.iter().filter(|channel| !channel.has_contact()) {
        let reach = Reach { target: terms.accounts, reachable: terms.accounts, unreachable: BTreeMap::new() };
        preview.channels.insert(*channel, reach);
    }
    Ok(preview)
}

/// Hashes as `int8send` writes them, in order. Putting millions in order takes a while.
pub(super) async fn unpack(packed: Option<Vec<u8>>) -> Result<Vec<i64>> {
    let sorted = tokio::task::spawn_blocking(move || {
        let packed = packed.unwrap_or_default();
        let mut hashes: Vec<i64> = packed.as_chunks().0.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect();
        hashes.sort_unstable();
        hashes
    });
    sorted.await.map_err(|error| Error::Corrupt { what: "addresses", reason: error.to_string() })
}

async fn opted_out(connection: &mut PgConnection, workspace: WorkspaceId, channel: Channel) -> Result<Vec<i64>> {
    let packed = sqlx::query_scalar!(
        "SELECT string_agg(int8send(hashtextextended(address_key, 0)), ''::bytea) FROM core.opt_out
         WHERE workspace_id = $1 AND channel IN ($2, 'all')",
        workspace.0,
        channel.as_str()
    )
    .fetch_one(connection)
    .await?;
    unpack(packed).await
}

/// A cap of the workspace that counts on one of the channels.
struct Cap {
    /// None: over all channels together.
    channel: Option<Channel>,
    max_messages: i32,
    window_hours: i32,
}

async fn caps(connection: &mut PgConnection, workspace: WorkspaceId, channels: &[Channel]) -> Result<Vec<Cap>> {
    let rows = sqlx::query!("SELECT channel, max_messages, window_hours FROM core.frequency_cap WHERE workspace_id = $1", workspace.0)
        .fetch_all(connection)
        .await?;
    let mut caps = Vec::with_capacity(rows.len());
    for row in rows {
        let channel = if row.channel == "all" { None } else { Some(crate::delivery::channel(&row.channel)?) };
        if channel.is_none_or(|channel| channels.contains(&channel)) {
            caps.push(Cap { channel, max_messages: row.max_messages, window_hours: row.window_hours });
        }
    }
    Ok(caps)
}

/// Those who have left the topic or have got enough, and who shares an address with them.
async fn known(
    connection: &mut PgConnection,
    audience: &Audience,
    (channels, caps): (&[Channel], &[Cap]),
    addresses: &Addresses,
    place: Place<'_>,
) -> Result<Known> {
    let mut known = Known::default();
    if caps.is_empty() && audience.topic.is_none() {
        return Ok(known);
    }
    for special in special(&mut *connection, audience, (channels, caps), place).await? {
        known.special.insert(special.contact, special);
    }
    let to_share = known.to_share(addresses);
    if !to_share.is_empty() {
        for (hash, contact) in sharing(connection, audience, to_share, place).await? {
            known.shared.entry(hash).or_default().push(contact);
        }
    }
    Ok(known)
}

async fn special(
    connection: &mut PgConnection,
    audience: &Audience,
    (channels, caps): (&[Channel], &[Cap]),
    place: Place<'_>,
) -> Result<Vec<Special>> {
    let mut sql = Sql::new("");
    if !caps.is_empty() {
        full_up(&mut sql, audience, channels, caps);
    }
    sql.push("SELECT s.contact_id, s.hash, s.has_left, s.capped FROM (SELECT c.contact_id, ").push(place.hash()).push(" AS hash, ");
    has_left(&mut sql, audience.topic, place);
    sql.push(" AS has_left, ").push(if caps.is_empty() { "'{}'::text[]" } else { "coalesce(f.capped, '{}')" }).push(" AS capped FROM ");
    audience.contacts_with(&mut sql, if caps.is_empty() { "" } else { " LEFT JOIN full_up f ON f.contact_id = c.contact_id" });
    place.is_there(&mut sql);
    sql.push(") AS s WHERE s.has_left OR s.capped <> '{}'");
    let rows: Vec<(Uuid, i64, bool, Vec<String>)> = sql.build_query_as().persistent(false).fetch_all(connection).await?;
    rows.into_iter()
        .map(|(contact, hash, has_left, capped)| {
            let capped = capped.iter().map(|channel| crate::delivery::channel(channel)).collect::<Result<_>>()?;
            Ok(Special { contact, hash, has_left, capped })
        })
        .collect()
}

fn has_left(sql: &mut Sql, topic: Option<Uuid>, place: Place<'_>) {
    let Some(topic) = topic else {
        sql.push("false");
        return;
    };
    // Two look-ups, so that each can be by a hash table.
    sql.push("(EXISTS (SELECT FROM core.topic_opt_out t WHERE t.subject = c.contact_id::text AND t.topic_id = ").push_bind(topic);
    sql.push(") OR EXISTS (SELECT FROM core.topic_opt_out t WHERE t.subject = ").push(place.key());
    sql.push(" AND t.topic_id = ").push_bind(topic).push("))");
}

/// Who has got as much as the workspace allows, and on which of the channels. As the gate counts it, from the runs that may have sent
/// lately.
fn full_up(sql: &mut Sql, audience: &Audience, channels: &[Channel], caps: &[Cap]) {
    let since = |hours: i32| audience.now - Duration::hours(hours.into());
    let longest = since(caps.iter().map(|cap| cap.window_hours).max().unwrap_or_default());
    sql.push("WITH full_up AS MATERIALIZED (SELECT d.contact_id, array_remove(ARRAY[");
    for (index, channel) in channels.iter().enumerate() {
        sql.push(if index == 0 { "CASE WHEN false" } else { ", CASE WHEN false" });
        for cap in caps.iter().filter(|cap| cap.channel.is_none_or(|of| of == *channel)) {
            sql.push(" OR count(*) FILTER (WHERE d.sent_at > ").push_bind(since(cap.window_hours));
            if let Some(channel) = cap.channel {
                sql.push(" AND d.channel = ").push_bind(channel.as_str());
            }
            sql.push(") >= ").push_bind(cap.max_messages);
        }
        sql.push(" THEN ").push_bind(channel.as_str()).push(" END");
    }
    sql.push("], NULL) AS capped");
    recent_deliveries(sql, audience.workspace, longest);
    sql.push(" GROUP BY d.contact_id) ");
}

fn recent_deliveries(sql: &mut Sql, workspace: WorkspaceId, since: OffsetDateTime) {
    sql.push(" FROM send.run r JOIN send.delivery d ON d.run_id = r.run_id WHERE r.workspace_id = ").push_bind(workspace.0);
    sql.push(" AND (r.status IN ('expanding', 'sending') OR r.completed_at > ").push_bind(since);
    sql.push(") AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown') AND d.sent_at > ").push_bind(since);
}

/// Everybody in the audience with one of these addresses, in order of their ids.
async fn sharing(connection: &mut PgConnection, audience: &Audience, hashes: Vec<i64>, place: Place<'_>) -> Result<Vec<(i64, Uuid)>> {
    let hash = place.hash();
    let mut sql = Sql::new("SELECT ");
    sql.push(hash).push(", c.contact_id FROM ");
    audience.contacts(&mut sql);
    sql.push(" AND ").push(hash).push(" = ANY(").push_bind(hashes).push(") ORDER BY c.contact_id");
    Ok(sql.build_query_as().persistent(false).fetch_all(connection).await?)
}
