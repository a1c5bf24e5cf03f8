//! An audience in pages, as expansion would write it, without writing anything. What [`page`] finds, [`crate::expand`] writes: a change to
//! one is a change to both. What the gate would say is asked of [`crate::gate::judge`].

use crate::{
    Result,
    audience::{Audience, ids},
    delivery::channel as read_channel,
    segment::{self, compile::Sql},
};
use domain::{Channel, ContactId, SenderId, channel::AddressKind, delivery::reason, render::Person};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Some contacts of an audience.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Those that belong to the audience, with what their content is rendered from.
    pub contacts: BTreeMap<ContactId, Person>,
    /// One for each of them and each channel, in order of the contacts.
    pub candidates: Vec<Candidate>,
    /// Where the next page begins; None after the last.
    pub next: Option<Uuid>,
}

/// A message that there would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub contact_id: ContactId,
    pub channel: Channel,
    /// Empty when there is none that can be used.
    pub address_key: String,
    /// Why it would be suppressed when the audience is written.
    pub unreachable: Option<String>,
}

/// Reads the next `limit` members of an audience's lists and segments after `after`, less those excluded, for these channels. A
/// notification reaches whoever has a device of one of these `apps`.
///
/// # Errors
/// When a statement fails.
pub async fn page(
    connection: &mut PgConnection,
    audience: &Audience,
    (channels, apps): (&[Channel], &[SenderId]),
    after: Option<Uuid>,
    limit: u32,
) -> Result<Page> {
    let members = members(&mut *connection, audience, after, i64::from(limit)).await?;
    let next = (members.len() as u64 >= u64::from(limit)).then(|| members.last().copied()).flatten();
    let contacts = contacts(&mut *connection, audience, &members).await?;
    let found: Vec<_> = contacts.keys().map(|id| id.0).collect();
    let mut candidates = candidates(&mut *connection, audience, (channels, apps), &found).await?;
    mark_duplicates(connection, audience, &mut candidates).await?;
    Ok(Page { contacts, candidates, next })
}

/// Each list and segment gives up its first few, so that the cost of a page doesn't grow with the audience. Exclusion comes later: a page with
/// everybody excluded isn't the last.
async fn members(connection: &mut PgConnection, audience: &Audience, after: Option<Uuid>, limit: i64) -> Result<Vec<Uuid>> {
    let on_lists = sqlx::query_scalar!(
        r#"SELECT DISTINCT m.contact_id AS "contact_id!" FROM unnest($1::uuid[]) AS l (list_id) CROSS JOIN LATERAL (
             SELECT contact_id FROM core.list_member
             WHERE list_id = l.list_id AND contact_id > $2 ORDER BY contact_id LIMIT $3) m
           ORDER BY 1 LIMIT $3"#,
        &ids(&audience.include),
        after.unwrap_or_default(),
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut members: BTreeSet<Uuid> = on_lists.into_iter().collect();
    for filter in &audience.include_filters {
        members.extend(segment::page(&mut *connection, audience.workspace, filter, audience.now, after, limit).await?);
    }
    Ok(members.into_iter().take(usize::try_from(limit).unwrap_or_default()).collect())
}

/// Those who belong to the audience: exclusion has its say here.
async fn contacts(connection: &mut PgConnection, audience: &Audience, members: &[Uuid]) -> Result<BTreeMap<ContactId, Person>> {
    let mut sql = Sql::new("SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = ");
    sql.push_bind(audience.workspace.0).push(" AND c.contact_id = ANY(").push_bind(members.to_vec()).push(") AND ");
    audience.belongs(&mut sql, "c");
    let found: Vec<Uuid> = sql.build_query_scalar().persistent(false).fetch_all(&mut *connection).await?;
    let rows = sqlx::query!(
        "SELECT contact_id, name, email, phone, locale, city, postal_code, role, attributes FROM core.contact c
         WHERE workspace_id = $1 AND contact_id = ANY($2)",
        audience.workspace.0,
        &found
    )
    .fetch_all(connection)
    .await?;
    let contact = rows.into_iter().map(|row| {
        let contact = Person {
            name: row.name,
            email: row.email,
            phone: row.phone,
            locale: row.locale,
            city: row.city,
            postal_code: row.postal_code,
            role: row.role,
            attributes: row.attributes.as_object().cloned().unwrap_or_default(),
        };
        (row.contact_id.into(), contact)
    });
    Ok(contact.collect())
}

async fn candidates(
    connection: &mut PgConnection,
    audience: &Audience,
    (channels, apps): (&[Channel], &[SenderId]),
    contacts: &[Uuid],
) -> Result<Vec<Candidate>> {
    let apps: Vec<Uuid> = apps.iter().map(|app| app.0).collect();
    let channels: Vec<_> = channels.iter().map(|channel| channel.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"WITH candidate AS (
             SELECT c.contact_id, p.channel,
                    core.channel_address(p.channel, c.email, c.phone, c.phone_key, c.whatsapp_id,
                                         CASE WHEN c.push_senders && $5::uuid[] THEN c.push_key END) AS address,
                    core.channel_key(p.channel, c.email_key, c.phone_key, c.whatsapp_key,
                                     CASE WHEN c.push_senders && $5::uuid[] THEN c.push_key END) AS key
             FROM core.contact c CROSS JOIN unnest($3::text[]) AS p (channel)
             WHERE c.workspace_id = $1 AND c.contact_id = ANY($2)
           )
           SELECT c.contact_id AS "contact_id!", c.channel AS "channel!", coalesce(c.key, '') AS "key!", CASE
               WHEN c.address = '' THEN 'no_address'
               WHEN c.key IS NULL THEN 'invalid_address'
               WHEN EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = $1 AND o.address_key = c.key
                            AND o.channel IN (c.channel, 'all')) THEN 'opted_out'
               WHEN EXISTS (SELECT FROM core.topic_opt_out t WHERE t.topic_id = $4 AND t.subject IN (c.key, c.contact_id::text))
               THEN 'topic_opted_out' END AS reason
           FROM candidate c ORDER BY c.contact_id, c.channel"#,
        audience.workspace.0,
        contacts,
        &channels,
        audience.topic,
        &apps
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let channel = read_channel(&row.channel)?;
            Ok(Candidate { contact_id: row.contact_id.into(), channel, address_key: row.key, unreachable: row.reason })
        })
        .collect()
}

/// How another contact with the same address is found, each by its own index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Email,
    Phone,
    /// Of who hides their phone.
    WhatsappId,
}

impl By {
    /// None: nobody else can have it.
    fn of(candidate: &Candidate) -> Option<Self> {
        match candidate.channel.address_kind() {
            AddressKind::Email => Some(Self::Email),
            AddressKind::Whatsapp if candidate.address_key.starts_with("wa:") => Some(Self::WhatsappId),
            AddressKind::Phone | AddressKind::Whatsapp => Some(Self::Phone),
            AddressKind::Device | AddressKind::Account => None,
        }
    }

    const fn condition(self) -> &'static str {
        match self {
            Self::Email => " AND e.email_key = s.key",
            Self::Phone => " AND e.phone_key = s.key",
            Self::WhatsappId => " AND e.whatsapp_key = s.key AND e.phone_key IS NULL",
        }
    }
}

/// Of several members with one address the first is written, whichever page it is on: who comes before is looked up by address.
async fn mark_duplicates(connection: &mut PgConnection, audience: &Audience, candidates: &mut [Candidate]) -> Result<()> {
    for by in [By::Email, By::Phone, By::WhatsappId] {
        let is_one = |candidate: &Candidate| candidate.unreachable.is_none() && By::of(candidate) == Some(by);
        let (contacts, keys): (Vec<Uuid>, Vec<String>) =
            candidates.iter().filter(|one| is_one(one)).map(|one| (one.contact_id.0, one.address_key.clone())).unzip();
        if contacts.is_empty() {
            continue;
        }
        let second = second(&mut *connection, audience, by, contacts, keys).await?;
        for candidate in candidates.iter_mut().filter(|one| is_one(one) && second.contains(&one.contact_id.0)) {
            candidate.unreachable = Some(reason::DUPLICATE.to_owned());
        }
    }
    Ok(())
}

/// Which of these contacts have somebody in the audience before them with the same address.
async fn second(
    connection: &mut PgConnection,
    audience: &Audience,
    by: By,
    contacts: Vec<Uuid>,
    keys: Vec<String>,
) -> Result<BTreeSet<Uuid>> {
    let mut sql = Sql::new("SELECT DISTINCT s.contact_id FROM unnest(");
    sql.push_bind(contacts).push(", ").push_bind(keys).push(") AS s (contact_id, key) JOIN core.contact e ON e.workspace_id = ");
    sql.push_bind(audience.workspace.0).push(by.condition());
    sql.push(" AND e.contact_id < s.contact_id WHERE ");
    audience.belongs(&mut sql, "e");
    if let Some(topic) = audience.topic {
        // Who has left the topic doesn't get it, and so takes nobody's place.
        sql.push(" AND NOT EXISTS (SELECT FROM core.topic_opt_out t WHERE t.subject = e.contact_id::text AND t.topic_id = ");
        sql.push_bind(topic).push(")");
    }
    let second: Vec<Uuid> = sql.build_query_scalar().persistent(false).fetch_all(connection).await?;
    Ok(second.into_iter().collect())
}
