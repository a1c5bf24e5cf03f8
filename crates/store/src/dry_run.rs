//! An audience in pages, as expansion would write it, without writing anything. What [`page`] finds, [`crate::expand`] writes: a change to
//! one is a change to both. What the gate would say is asked of [`crate::gate::judge`].

use crate::{Result, audience::Audience, delivery::channel as read_channel};
use domain::{Channel, ContactId, render::Person};
use sqlx::PgConnection;
use std::collections::BTreeMap;
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

/// Reads the next `limit` members of an audience's lists after `after`, less those excluded, for these channels.
///
/// # Errors
/// When a statement fails.
pub async fn page(
    connection: &mut PgConnection,
    audience: Audience<'_>,
    channels: &[Channel],
    after: Option<Uuid>,
    limit: u32,
) -> Result<Page> {
    let members = members(connection, audience, after.unwrap_or_default(), limit).await?;
    let next = (members.len() as u64 >= u64::from(limit)).then(|| members.last().copied()).flatten();
    let contacts = contacts(connection, audience, &members).await?;
    let ids: Vec<_> = contacts.keys().map(|id| id.0).collect();
    let candidates = candidates(connection, audience, channels, &ids).await?;
    Ok(Page { contacts, candidates, next })
}

/// Each list gives up its first few, so that the cost of a page doesn't grow with the audience. Exclusion comes later: a page with
/// everybody excluded isn't the last.
async fn members(connection: &mut PgConnection, audience: Audience<'_>, after: Uuid, limit: u32) -> Result<Vec<Uuid>> {
    let (include, _) = audience.ids();
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT m.contact_id AS "contact_id!" FROM unnest($1::uuid[]) AS l (list_id) CROSS JOIN LATERAL (
             SELECT contact_id FROM core.list_member
             WHERE list_id = l.list_id AND contact_id > $2 ORDER BY contact_id LIMIT $3) m
           ORDER BY 1 LIMIT $3"#,
        &include,
        after,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?)
}

async fn contacts(connection: &mut PgConnection, audience: Audience<'_>, members: &[Uuid]) -> Result<BTreeMap<ContactId, Person>> {
    let (_, exclude) = audience.ids();
    let rows = sqlx::query!(
        "SELECT contact_id, name, email, phone, locale, city, postal_code, role, attributes FROM core.contact c
         WHERE workspace_id = $1 AND contact_id = ANY($2)
           AND NOT EXISTS (SELECT FROM core.list_member x WHERE x.contact_id = c.contact_id AND x.list_id = ANY($3))",
        audience.workspace.0,
        members,
        &exclude
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
    audience: Audience<'_>,
    channels: &[Channel],
    contacts: &[Uuid],
) -> Result<Vec<Candidate>> {
    let (include, exclude) = audience.ids();
    let channels: Vec<_> = channels.iter().map(|channel| channel.as_str().to_owned()).collect();
    // Of several members with one address the first is written, whichever page it is on: who comes before is looked up by address.
    let rows = sqlx::query!(
        r#"WITH candidate AS (
             SELECT c.contact_id, p.channel, p.channel = 'email' AS by_email,
                    CASE WHEN p.channel = 'email' THEN c.email ELSE c.phone END AS address,
                    CASE WHEN p.channel = 'email' THEN c.email_key ELSE c.phone_key END AS key
             FROM core.contact c CROSS JOIN unnest($3::text[]) AS p (channel)
             WHERE c.workspace_id = $1 AND c.contact_id = ANY($2)
           )
           SELECT c.contact_id AS "contact_id!", c.channel AS "channel!", coalesce(c.key, '') AS "key!", CASE
               WHEN c.address = '' THEN 'no_address'
               WHEN c.key IS NULL THEN 'invalid_address'
               WHEN EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = $1 AND o.address_key = c.key
                            AND o.channel IN (c.channel, 'all')) THEN 'opted_out'
               WHEN EXISTS (SELECT FROM (
                        SELECT e.contact_id FROM core.contact e
                        WHERE c.by_email AND e.workspace_id = $1 AND e.email_key = c.key AND e.contact_id < c.contact_id
                        UNION ALL
                        SELECT e.contact_id FROM core.contact e
                        WHERE NOT c.by_email AND e.workspace_id = $1 AND e.phone_key = c.key AND e.contact_id < c.contact_id) AS earlier
                      WHERE EXISTS (SELECT FROM core.list_member m WHERE m.contact_id = earlier.contact_id AND m.list_id = ANY($4))
                        AND NOT EXISTS (SELECT FROM core.list_member x WHERE x.contact_id = earlier.contact_id AND x.list_id = ANY($5)))
               THEN 'duplicate' END AS reason
           FROM candidate c ORDER BY c.contact_id, c.channel"#,
        audience.workspace.0,
        contacts,
        &channels,
        &include,
        &exclude
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
