//! The record of everything that was said about being messaged. Rows are added and read; only erasing a person changes one.

use crate::{
    Error, Result,
    optout::{channel_text, read_channel},
    page::BadToken,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    Channel, ContactId, ListId, TopicId, WorkspaceId,
    consent::{Evidence, Kind, UnknownKind},
};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: OffsetDateTime,
    pub kind: Kind,
    /// What it is about.
    pub about: About,
    /// None when only the contact is known.
    pub address_key: Option<String>,
    /// None when only the address is known.
    pub contact_id: Option<ContactId>,
    /// One of [`domain::consent::source`].
    pub source: String,
    /// Who of ours did it; empty when the person themselves.
    pub actor: String,
    pub evidence: Evidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// None: all channels.
    Channel(Option<Channel>),
    Topic(TopicId),
    List(ListId),
}

impl About {
    fn columns(self) -> (String, Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Channel(channel) => (channel_text(channel).to_owned(), None, None),
            Self::Topic(topic) => (String::new(), Some(topic.0), None),
            Self::List(list) => (String::new(), None, Some(list.0)),
        }
    }
}

/// Writes events down.
///
/// # Errors
/// When the statement fails.
pub async fn note(connection: &mut PgConnection, workspace: WorkspaceId, events: &[Event]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let about: Vec<_> = events.iter().map(|event| event.about.columns()).collect();
    let times: Vec<_> = events.iter().map(|event| event.at).collect();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str().to_owned()).collect();
    let channels: Vec<_> = about.iter().map(|(channel, _, _)| channel.clone()).collect();
    let keys: Vec<_> = events.iter().map(|event| event.address_key.clone()).collect();
    let contacts: Vec<_> = events.iter().map(|event| event.contact_id.map(|id| id.0)).collect();
    let topics: Vec<_> = about.iter().map(|(_, topic, _)| *topic).collect();
    let lists: Vec<_> = about.iter().map(|(_, _, list)| *list).collect();
    let sources: Vec<_> = events.iter().map(|event| event.source.clone()).collect();
    let actors: Vec<_> = events.iter().map(|event| event.actor.clone()).collect();
    let evidence: Vec<_> = events.iter().map(|event| serde_json::json!(event.evidence)).collect();
    sqlx::query!(
        "INSERT INTO core.consent_event (workspace_id, at, kind, channel, address_key, contact_id, topic_id, list_id, source, actor, evidence)
         SELECT $1, * FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[], $9::text[],
                                  $10::text[], $11::jsonb[])",
        workspace.0,
        &times,
        &kinds,
        &channels,
        &keys as &[Option<String>],
        &contacts as &[Option<Uuid>],
        &topics as &[Option<Uuid>],
        &lists as &[Option<Uuid>],
        &sources,
        &actors,
        &evidence
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An event as it is kept, with the text of the wording that was agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub event_id: i64,
    pub event: Event,
    /// In the language of the page, else the one for all; empty where there was none of the list's own.
    pub wording: String,
}

/// Whose events: those of one address, or of one contact and their addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Address(String),
    Contact(ContactId),
}

/// A page, newest first: the token names the last event of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    size: u32,
    before: i64,
}

impl Page {
    /// Reads what a caller asked for, as [`crate::page::Page::parse`] does.
    ///
    /// # Errors
    /// When the token isn't one of ours.
    pub fn parse(size: u32, token: &str) -> std::result::Result<Self, BadToken> {
        let size = crate::page::Page::parse(size, "")?.size;
        if token.is_empty() {
            return Ok(Self { size, before: i64::MAX });
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
        Ok(Self { size, before: i64::from_be_bytes(bytes.try_into().map_err(|_| BadToken)?) })
    }

    /// Cuts the extra row off and makes the token of the next page; empty on the last.
    pub fn finish(self, events: &mut Vec<Kept>) -> String {
        if events.len() <= self.size as usize {
            return String::new();
        }
        events.truncate(self.size as usize);
        events.last().map(|last| URL_SAFE_NO_PAD.encode(last.event_id.to_be_bytes())).unwrap_or_default()
    }
}

struct Row {
    event_id: i64,
    at: OffsetDateTime,
    kind: String,
    channel: String,
    address_key: Option<String>,
    contact_id: Option<Uuid>,
    topic_id: Option<Uuid>,
    list_id: Option<Uuid>,
    source: String,
    actor: String,
    evidence: Json<Evidence>,
    wording: String,
}

/// A page of what was said. Of an address that was erased too: it is found by its hash.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, whose: &Whose, page: Page) -> Result<Vec<Kept>> {
    let (address, contact) = match whose {
        Whose::Address(key) => (Some(key.as_str()), None),
        Whose::Contact(id) => (None, Some(id.0)),
    };
    // Each part reads one index; what is in two of them is there once.
    let rows = sqlx::query_as!(
        Row,
        r#"WITH sought AS MATERIALIZED (
             SELECT $2::text AS key WHERE $2::text IS NOT NULL
             UNION SELECT core.address_hash(k.inner_key, k.outer_key, $2) FROM core.erasure_key k WHERE k.workspace_id = $1 AND $2::text IS NOT NULL
             UNION SELECT a.key FROM core.contact c CROSS JOIN LATERAL (VALUES (c.email_key), (c.phone_key)) AS a (key)
                   WHERE c.workspace_id = $1 AND c.contact_id = $3 AND a.key IS NOT NULL
           ), found AS (
             SELECT f.event_id FROM sought s CROSS JOIN LATERAL (
               SELECT e.event_id FROM core.consent_event e
               WHERE e.workspace_id = $1 AND e.address_key = s.key AND e.event_id < $4 ORDER BY e.event_id DESC LIMIT $5) AS f
             UNION
             (SELECT e.event_id FROM core.consent_event e
              WHERE e.workspace_id = $1 AND e.contact_id = $3 AND e.event_id < $4 ORDER BY e.event_id DESC LIMIT $5)
           )
           SELECT e.event_id, e.at, e.kind, e.channel, e.address_key, e.contact_id, e.topic_id, e.list_id, e.source, e.actor,
                  e.evidence AS "evidence: Json<Evidence>", coalesce(w.texts ->> (e.evidence ->> 'language'), w.texts ->> '', '') AS "wording!"
           FROM found JOIN core.consent_event e USING (event_id)
           LEFT JOIN core.list_wording w ON w.list_id = e.list_id AND w.version = (e.evidence ->> 'wording_version')::int
           ORDER BY e.event_id DESC LIMIT $5"#,
        workspace.0,
        address,
        contact,
        page.before,
        i64::from(page.size) + 1
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Kept::try_from).collect()
}

impl TryFrom<Row> for Kept {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let kind =
            row.kind.parse().map_err(|error: UnknownKind| Error::Corrupt { what: "kind of a consent event", reason: error.to_string() })?;
        let about = match (row.topic_id, row.list_id) {
            (Some(topic), _) => About::Topic(topic.into()),
            (None, Some(list)) => About::List(list.into()),
            (None, None) => About::Channel(read_channel(&row.channel)?),
        };
        let event = Event {
            at: row.at,
            kind,
            about,
            address_key: row.address_key,
            contact_id: row.contact_id.map(Into::into),
            source: row.source,
            actor: row.actor,
            evidence: row.evidence.0,
        };
        Ok(Self { event_id: row.event_id, event, wording: row.wording })
    }
}
