//! People into the table of contacts.

use super::{
    super::{Draft, role},
    OnMatch,
    fold::Person,
};
use crate::Result;
use domain::{ContactId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// People, column by column, as `unnest` takes them.
#[derive(Default)]
pub struct Columns {
    pub contact_id: Vec<Uuid>,
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
    last_active_at: Vec<Option<OffsetDateTime>>,
}

impl Columns {
    /// People to update, people to add, and those who stay as they are.
    pub fn split(people: Vec<Person>) -> (Self, Self, Vec<Uuid>) {
        let (mut matched, mut new, mut left) = (Self::default(), Self::default(), Vec::new());
        for Person { contact_id, draft, .. } in people {
            match (contact_id, draft) {
                (Some(id), Some(draft)) => matched.push(id, draft),
                (None, Some(draft)) => new.push(ContactId::new().0, draft),
                (id, None) => left.extend(id),
            }
        }
        (matched, new, left)
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
        self.last_active_at.push(draft.last_active_at);
    }
}

/// Whom a statement wrote, and how many of them are new.
#[derive(Default)]
pub struct Written {
    pub ids: Vec<Uuid>,
    pub created: u64,
}

/// Adds people. One that somebody else has added in the meantime, with the same external id, is filled up.
///
/// # Errors
/// When the statement fails.
pub async fn insert(connection: &mut PgConnection, workspace: WorkspaceId, columns: &Columns, now: OffsetDateTime) -> Result<Written> {
    if columns.contact_id.is_empty() {
        return Ok(Written::default());
    }
    let roles: Vec<_> = columns.role.iter().map(|text| role(text).to_owned()).collect();
    let rows = sqlx::query!(
        r#"INSERT INTO core.contact AS c (contact_id, workspace_id, external_id, name, email, email_key, email_problem, phone,
               phone_key, phone_problem, locale, timezone, role, city, postal_code, attributes, last_active_at, created_at, updated_at)
           SELECT contact_id, $1, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale,
               timezone, role, city, postal_code, attributes::jsonb, last_active_at, $18, $18
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
               $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[])
           AS row(contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale, timezone,
               role, city, postal_code, attributes, last_active_at)
           ON CONFLICT (workspace_id, external_id) DO UPDATE SET
               name = coalesce(nullif(c.name, ''), excluded.name),
               email = CASE WHEN c.email = '' THEN excluded.email ELSE c.email END,
               email_key = CASE WHEN c.email = '' THEN excluded.email_key ELSE c.email_key END,
               email_problem = CASE WHEN c.email = '' THEN excluded.email_problem ELSE c.email_problem END,
               phone = CASE WHEN c.phone = '' THEN excluded.phone ELSE c.phone END,
               phone_key = CASE WHEN c.phone = '' THEN excluded.phone_key ELSE c.phone_key END,
               phone_problem = CASE WHEN c.phone = '' THEN excluded.phone_problem ELSE c.phone_problem END,
               locale = coalesce(nullif(c.locale, ''), excluded.locale),
               timezone = coalesce(nullif(c.timezone, ''), excluded.timezone),
               city = coalesce(nullif(c.city, ''), excluded.city),
               postal_code = coalesce(nullif(c.postal_code, ''), excluded.postal_code),
               attributes = excluded.attributes || c.attributes,
               last_active_at = coalesce(c.last_active_at, excluded.last_active_at),
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
        &columns.last_active_at as _,
        now
    )
    .fetch_all(connection)
    .await?;
    let created = rows.iter().filter(|row| row.created).count() as u64;
    Ok(Written { ids: rows.into_iter().map(|row| row.contact_id).collect(), created })
}

/// Updates the contacts with the columns' ids: what the columns say replaces what is known, or only goes where nothing is known.
///
/// # Errors
/// When the statement fails.
pub async fn update(connection: &mut PgConnection, columns: &Columns, on_match: OnMatch, now: OffsetDateTime) -> Result<()> {
    if columns.contact_id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE core.contact c SET
             external_id = coalesce(c.external_id, row.external_id),
             name = CASE WHEN row.name = '' OR $17 AND c.name <> '' THEN c.name ELSE row.name END,
             email = CASE WHEN row.email = '' OR $17 AND c.email <> '' THEN c.email ELSE row.email END,
             email_key = CASE WHEN row.email = '' OR $17 AND c.email <> '' THEN c.email_key ELSE row.email_key END,
             email_problem = CASE WHEN row.email = '' OR $17 AND c.email <> '' THEN c.email_problem ELSE row.email_problem END,
             phone = CASE WHEN row.phone = '' OR $17 AND c.phone <> '' THEN c.phone ELSE row.phone END,
             phone_key = CASE WHEN row.phone = '' OR $17 AND c.phone <> '' THEN c.phone_key ELSE row.phone_key END,
             phone_problem = CASE WHEN row.phone = '' OR $17 AND c.phone <> '' THEN c.phone_problem ELSE row.phone_problem END,
             locale = CASE WHEN row.locale = '' OR $17 AND c.locale <> '' THEN c.locale ELSE row.locale END,
             timezone = CASE WHEN row.timezone = '' OR $17 AND c.timezone <> '' THEN c.timezone ELSE row.timezone END,
             role = CASE WHEN row.role = '' OR $17 THEN c.role ELSE row.role END,
             city = CASE WHEN row.city = '' OR $17 AND c.city <> '' THEN c.city ELSE row.city END,
             postal_code = CASE WHEN row.postal_code = '' OR $17 AND c.postal_code <> '' THEN c.postal_code ELSE row.postal_code END,
             attributes = CASE WHEN $17 THEN row.attributes::jsonb || c.attributes ELSE c.attributes || row.attributes::jsonb END,
             last_active_at = CASE WHEN $17 THEN coalesce(c.last_active_at, row.last_active_at)
                                   ELSE coalesce(row.last_active_at, c.last_active_at) END,
             updated_at = $18
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[])
         AS row(contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, locale, timezone, role,
             city, postal_code, attributes, last_active_at)
         WHERE c.contact_id = row.contact_id",
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
        &columns.role,
        &columns.city,
        &columns.postal_code,
        &columns.attributes,
        &columns.last_active_at as _,
        on_match == OnMatch::FillEmpty,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
