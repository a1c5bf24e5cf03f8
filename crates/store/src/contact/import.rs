//! Many contacts at once, in a fixed number of statements.
//!
//! A row is the same person as a contact with its external id; without one, as a contact with its e-mail address, then with its phone. An
//! empty field leaves what is known. Rows of one batch are treated as if they came one after the other, so that the result doesn't depend
//! on where batches end, and importing a file twice changes nothing the second time.

mod fold;

use super::{Draft, role};
use crate::{Result, list};
use domain::{ContactId, ListId, WorkspaceId};
use fold::{Known, Person};
use sqlx::PgConnection;
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
    let known = find(connection, workspace, &rows).await?;
    let (matched, new) = Columns::split(fold::by_person(known, rows));
    update(connection, &matched, now).await?;
    let mut written = insert(connection, workspace, &new, now).await?;
    written.ids.extend(matched.contact_id);
    if let Some(list) = list {
        list::add_members(connection, workspace, list, &written.ids, now).await?;
    }
    Ok(Imported { created: written.created, updated: total - written.created })
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
    /// People who are there, and new ones.
    fn split(people: Vec<Person>) -> (Self, Self) {
        let (mut matched, mut new) = (Self::default(), Self::default());
        for Person { contact_id, draft } in people {
            match contact_id {
                Some(id) => matched.push(id, draft),
                None => new.push(ContactId::new().0, draft),
            }
        }
        (matched, new)
    }

    fn push(&mut self, id: Uuid, draft: Draft) {
        self.contact_id.push(id);
        self.external_id.push(draft.external_id);
        self.name.push(draft.name);
        self.email.push(draft.email.shown);
        self.email_key.push(draft.email.key);
        self.email_problem.push(draft.email.problem);
        self.phone.push(draft.phone.shown);
        self.phone_key.push(draft.phone.key);
        self.phone_problem.push(draft.phone.problem);
        self.locale.push(draft.locale);
        self.timezone.push(draft.timezone);
        self.role.push(draft.role);
        self.city.push(draft.city);
        self.postal_code.push(draft.postal_code);
        self.attributes.push(serde_json::Value::Object(draft.attributes).to_string());
    }
}

/// Whom a statement wrote, and how many of them are new.
struct Written {
    ids: Vec<Uuid>,
    created: u64,
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

/// The contacts that the rows may be about, oldest first.
async fn find(connection: &mut PgConnection, workspace: WorkspaceId, rows: &[Draft]) -> Result<Vec<Known>> {
    let keys = |key: fn(&Draft) -> Option<&String>| rows.iter().map(|row| key(row).cloned()).collect::<Vec<_>>();
    let texts = |text: fn(&Draft) -> &String| rows.iter().map(|row| text(row).clone()).collect::<Vec<_>>();
    Ok(sqlx::query_as!(
        Known,
        r#"WITH row AS (
               SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
               AS row(external_id, email_key, phone_key, email, phone, name)
           ), found AS (
               SELECT (SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = $1 AND c.external_id = row.external_id) AS contact_id
               FROM row WHERE row.external_id IS NOT NULL
               UNION
               -- OFFSET 0 keeps the order out of the search: by address through its index, never through all contacts by age. A few, because
               -- an earlier row may take the address from the oldest.
               SELECT holder.contact_id FROM row CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id FROM core.contact c
                   WHERE c.workspace_id = $1 AND c.email_key = row.email_key OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
               WHERE row.external_id IS NULL
               UNION
               SELECT holder.contact_id FROM row CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id FROM core.contact c
                   WHERE c.workspace_id = $1 AND c.phone_key = row.phone_key OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
               WHERE row.external_id IS NULL
               UNION
               -- Nothing to know them by but what was written: so that a file that is imported again adds nobody twice.
               SELECT holder.contact_id FROM row CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id FROM core.contact c
                   WHERE c.workspace_id = $1 AND c.email_key IS NULL AND c.phone_key IS NULL AND c.external_id IS NULL
                     AND c.email = row.email AND c.phone = row.phone AND c.name = row.name OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
               WHERE row.external_id IS NULL AND row.email_key IS NULL AND row.phone_key IS NULL
           )
           SELECT c.contact_id, c.external_id, c.name, c.email, c.email_key, c.phone, c.phone_key
           FROM core.contact c JOIN found USING (contact_id) ORDER BY c.contact_id"#,
        workspace.0,
        &keys(|row| row.external_id.as_ref()) as _,
        &keys(|row| row.email.key.as_ref()) as _,
        &keys(|row| row.phone.key.as_ref()) as _,
        &texts(|row| &row.email.shown),
        &texts(|row| &row.phone.shown),
        &texts(|row| &row.name)
    )
    .fetch_all(connection)
    .await?)
}
