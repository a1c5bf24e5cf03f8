//! Many contacts at once, in a fixed number of statements.
//!
//! A row is the same person as a contact with its external id; without one, as a contact with its e-mail address, then with its phone. An
//! empty field leaves what is known. Rows of one batch are treated as if they came one after the other, so that the result doesn't depend
//! on where batches end, and importing a file twice changes nothing the second time.

mod fold;

use super::{Draft, role};
use crate::{Result, list};
use domain::{ContactId, ListId, WorkspaceId};
use fold::Person;
use sqlx::PgConnection;
use std::collections::HashMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// What became of the rows: together they are as many as there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    pub created: u64,
    pub updated: u64,
}

/// Adds or updates a contact for each row, and makes all of them members of a list.
///
/// # Errors
/// When a statement fails; the caller rolls back.
pub async fn import(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    list: Option<ListId>,
    rows: Vec<Draft>,
    now: OffsetDateTime,
) -> Result<Imported> {
    let total = rows.len() as u64;
    // Two imports at once must not both miss a person and add it.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('import ' || $1::text, 0))", workspace.0.to_string())
        .execute(&mut *connection)
        .await?;
    let (named, others): (Vec<_>, Vec<_>) = fold::by_person(rows).into_iter().partition(|person| person.draft.external_id.is_some());
    let found = find_named(connection, workspace, &named).await?;
    let mut written = write(connection, workspace, named, found, now).await?;
    // Only now: a row may be about somebody whom a row with an external id has just given that address, or taken it from.
    let found = find_by_address(connection, workspace, &others).await?;
    let more = write(connection, workspace, others, found, now).await?;
    written.ids.extend(more.ids);
    written.created += more.created;
    if let Some(list) = list {
        list::add_members(connection, workspace, list, &written.ids, now).await?;
    }
    Ok(Imported { created: written.created, updated: total - written.created })
}

/// Whom a statement wrote, and how many of them are new.
struct Written {
    ids: Vec<Uuid>,
    created: u64,
}

/// Updates the people that were found, and adds the others.
async fn write(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    people: Vec<Person>,
    found: Vec<Option<Uuid>>,
    now: OffsetDateTime,
) -> Result<Written> {
    let (matched, new) = split(people, found);
    update(connection, &matched, now).await?;
    let mut written = insert(connection, workspace, &new, now).await?;
    written.ids.extend(matched.contact_id);
    Ok(written)
}

/// People that are there, with their ids, and new ones.
fn split(people: Vec<Person>, found: Vec<Option<Uuid>>) -> (Columns, Columns) {
    let mut new = Vec::new();
    let mut matched: Vec<Person> = Vec::new();
    let mut ids = Vec::new();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    for (person, id) in people.into_iter().zip(found) {
        match id {
            None => new.push(person),
            // One contact may be found by the e-mail of one row and the phone of another.
            Some(id) => match places.get(&id) {
                Some(place) => matched[*place].merge(person.draft),
                None => {
                    places.insert(id, matched.len());
                    ids.push(id);
                    matched.push(person);
                }
            },
        }
    }
    (Columns::of(matched, Some(ids)), Columns::of(new, None))
}

/// The people, column by column, as `unnest` takes them.
#[derive(Default)]
struct Columns {
    contact_id: Vec<Uuid>,
    external_id: Vec<Option<String>>,
    name: Vec<String>,
    email: Vec<String>,
    email_key: Vec<Option<String>>,
    email_problem: Vec<String>,
    phone: Vec<String>,
    phone_key: Vec<Option<String>>,
    phone_problem: Vec<String>,
    locale: Vec<String>,
    timezone: Vec<String>,
    role: Vec<String>,
    city: Vec<String>,
    postal_code: Vec<String>,
    attributes: Vec<String>,
}

impl Columns {
    /// With the given ids, or new ones.
    fn of(people: Vec<Person>, ids: Option<Vec<Uuid>>) -> Self {
        let mut columns = Self { contact_id: ids.unwrap_or_else(|| people.iter().map(|_| ContactId::new().0).collect()), ..Self::default() };
        for Person { draft, .. } in people {
            columns.external_id.push(draft.external_id);
            columns.name.push(draft.name);
            columns.email.push(draft.email.shown);
            columns.email_key.push(draft.email.key);
            columns.email_problem.push(draft.email.problem);
            columns.phone.push(draft.phone.shown);
            columns.phone_key.push(draft.phone.key);
            columns.phone_problem.push(draft.phone.problem);
            columns.locale.push(draft.locale);
            columns.timezone.push(draft.timezone);
            columns.role.push(draft.role);
            columns.city.push(draft.city);
            columns.postal_code.push(draft.postal_code);
            columns.attributes.push(serde_json::Value::Object(draft.attributes).to_string());
        }
        columns
    }
}

/// Adds people. One that somebody else has added in the meantime, with the same external id, is updated; its role stays.
async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, columns: &Columns, now: OffsetDateTime) -> Result<Written> {
    if columns.contact_id.is_empty() {
        return Ok(Written { ids: Vec::new(), created: 0 });
    }
    let roles: Vec<_> = columns.role.iter().map(|text| role(text).to_owned()).collect();
    let rows = sqlx::query!(
        r#"INSERT INTO core.contact AS c (contact_id, workspace_id, external_id, name, email, email_key, email_problem, phone,
               phone_key, phone_problem, locale, timezone, role, city, postal_code, attributes, created_at, updated_at)
           SELECT contact_id, $1, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale,
               timezone, role, city, postal_code, attributes::jsonb, $17, $17
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
               $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
           AS row(contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale, timezone,
               role, city, postal_code, attributes)
           ON CONFLICT (workspace_id, external_id) DO UPDATE SET
               name = coalesce(nullif(excluded.name, ''), c.name),
               email = CASE WHEN excluded.email = '' THEN c.email ELSE excluded.email END,
               email_key = CASE WHEN excluded.email = '' THEN c.email_key ELSE excluded.email_key END,
               email_problem = CASE WHEN excluded.email = '' THEN c.email_problem ELSE excluded.email_problem END,
               phone = CASE WHEN excluded.phone = '' THEN c.phone ELSE excluded.phone END,
               phone_key = CASE WHEN excluded.phone = '' THEN c.phone_key ELSE excluded.phone_key END,
               phone_problem = CASE WHEN excluded.phone = '' THEN c.phone_problem ELSE excluded.phone_problem END,
               locale = coalesce(nullif(excluded.locale, ''), c.locale),
               timezone = coalesce(nullif(excluded.timezone, ''), c.timezone),
               city = coalesce(nullif(excluded.city, ''), c.city),
               postal_code = coalesce(nullif(excluded.postal_code, ''), c.postal_code),
               attributes = c.attributes || excluded.attributes,
               updated_at = excluded.updated_at
           RETURNING contact_id, xmax = 0 AS "created!""#,
        workspace.0,
        &columns.contact_id,
        &columns.external_id as _,
        &columns.name,
        &columns.email,
        &columns.email_key as _,
        &columns.email_problem,
        &columns.phone,
        &columns.phone_key as _,
        &columns.phone_problem,
        &columns.locale,
        &columns.timezone,
        &roles,
        &columns.city,
        &columns.postal_code,
        &columns.attributes,
        now
    )
    .fetch_all(connection)
    .await?;
    let created = rows.iter().filter(|row| row.created).count() as u64;
    Ok(Written { ids: rows.into_iter().map(|row| row.contact_id).collect(), created })
}

/// Updates the contacts with the columns' ids.
async fn update(connection: &mut PgConnection, columns: &Columns, now: OffsetDateTime) -> Result<()> {
    if columns.contact_id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE core.contact c SET
             name = coalesce(nullif(row.name, ''), c.name),
             email = CASE WHEN row.email = '' THEN c.email ELSE row.email END,
             email_key = CASE WHEN row.email = '' THEN c.email_key ELSE row.email_key END,
             email_problem = CASE WHEN row.email = '' THEN c.email_problem ELSE row.email_problem END,
             phone = CASE WHEN row.phone = '' THEN c.phone ELSE row.phone END,
             phone_key = CASE WHEN row.phone = '' THEN c.phone_key ELSE row.phone_key END,
             phone_problem = CASE WHEN row.phone = '' THEN c.phone_problem ELSE row.phone_problem END,
             locale = coalesce(nullif(row.locale, ''), c.locale),
             timezone = coalesce(nullif(row.timezone, ''), c.timezone),
             role = coalesce(nullif(row.role, ''), c.role),
             city = coalesce(nullif(row.city, ''), c.city),
             postal_code = coalesce(nullif(row.postal_code, ''), c.postal_code),
             attributes = c.attributes || row.attributes::jsonb,
             updated_at = $15
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
         AS row(contact_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale, timezone, role, city,
             postal_code, attributes)
         WHERE c.contact_id = row.contact_id",
        &columns.contact_id,
        &columns.name,
        &columns.email,
        &columns.email_key as _,
        &columns.email_problem,
        &columns.phone,
        &columns.phone_key as _,
        &columns.phone_problem,
        &columns.locale,
        &columns.timezone,
        &columns.role,
        &columns.city,
        &columns.postal_code,
        &columns.attributes,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The contacts with these people's external ids.
async fn find_named(connection: &mut PgConnection, workspace: WorkspaceId, people: &[Person]) -> Result<Vec<Option<Uuid>>> {
    let names: Vec<_> = people.iter().map(|person| person.draft.external_id.clone().unwrap_or_default()).collect();
    Ok(sqlx::query_scalar!(
        r#"SELECT (SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = $1 AND c.external_id = row.name) AS contact_id
           FROM unnest($2::text[]) WITH ORDINALITY AS row(name, n) ORDER BY n"#,
        workspace.0,
        &names
    )
    .fetch_all(connection)
    .await?)
}

/// The contacts with these people's addresses.
async fn find_by_address(connection: &mut PgConnection, workspace: WorkspaceId, people: &[Person]) -> Result<Vec<Option<Uuid>>> {
    let keys = |key: fn(&Draft) -> Option<&String>| people.iter().map(|person| key(&person.draft).cloned()).collect::<Vec<_>>();
    let texts = |text: fn(&Draft) -> &String| people.iter().map(|person| text(&person.draft).clone()).collect::<Vec<_>>();
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(
               (SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = $1 AND c.email_key = row.email_key ORDER BY 1 LIMIT 1),
               (SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = $1 AND c.phone_key = row.phone_key ORDER BY 1 LIMIT 1),
               -- Nothing to know them by but what was written: so that a file that is imported again adds nobody twice.
               (SELECT c.contact_id FROM core.contact c
                WHERE row.email_key IS NULL AND row.phone_key IS NULL
                  AND c.workspace_id = $1 AND c.email_key IS NULL AND c.phone_key IS NULL AND c.external_id IS NULL
                  AND c.email = row.email AND c.phone = row.phone AND c.name = row.name ORDER BY 1 LIMIT 1)) AS contact_id
           FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
               WITH ORDINALITY AS row(email_key, phone_key, email, phone, name, n)
           ORDER BY n"#,
        workspace.0,
        &keys(|draft| draft.email.key.as_ref()) as _,
        &keys(|draft| draft.phone.key.as_ref()) as _,
        &texts(|draft| &draft.email.shown),
        &texts(|draft| &draft.phone.shown),
        &texts(|draft| &draft.name)
    )
    .fetch_all(connection)
    .await?)
}
