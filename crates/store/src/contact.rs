//! Contacts: people who can receive messages.
//!
//! Addresses come in read (`domain::address`); this module only stores them. Start at [`Draft`]. Many at once: [`import`]; what became
//! of a file: [`file`].

pub mod file;
pub mod import;

use crate::{Result, page::Page};
use domain::{ContactId, ListId, WorkspaceId, address::Address};
use serde_json::{Map, Value};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A contact's attributes: a JSON object.
pub type Attributes = Map<String, Value>;

/// What a person enters of a contact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    pub external_id: Option<String>,
    pub name: String,
    pub email: Address,
    pub phone: Address,
    /// What WhatsApp calls the person towards this business; empty where that isn't known, which leaves what is.
    pub whatsapp_id: String,
    pub locale: String,
    pub timezone: String,
    /// `customer` or `partner`; empty means customer.
    pub role: String,
    pub city: String,
    pub postal_code: String,
    pub attributes: Attributes,
    /// None: not known, which leaves what is.
    pub last_active_at: Option<OffsetDateTime>,
}

/// A stored contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    pub contact_id: ContactId,
    pub draft: Draft,
    pub created_at: OffsetDateTime,
}

const DEFAULT_ROLE: &str = "customer";

fn role(role: &str) -> &str {
    if role.is_empty() { DEFAULT_ROLE } else { role }
}

struct Row {
    contact_id: Uuid,
    external_id: Option<String>,
    name: String,
    email: String,
    email_key: Option<String>,
    email_problem: String,
    phone: String,
    phone_key: Option<String>,
    phone_problem: String,
    whatsapp_id: String,
    locale: String,
    timezone: String,
    role: String,
    city: String,
    postal_code: String,
    attributes: Json<Attributes>,
    last_active_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
}

impl From<Row> for Contact {
    fn from(row: Row) -> Self {
        let draft = Draft {
            external_id: row.external_id,
            name: row.name,
            email: Address { shown: row.email, key: row.email_key, problem: row.email_problem },
            phone: Address { shown: row.phone, key: row.phone_key, problem: row.phone_problem },
            whatsapp_id: row.whatsapp_id,
            locale: row.locale,
            timezone: row.timezone,
            role: row.role,
            city: row.city,
            postal_code: row.postal_code,
            attributes: row.attributes.0,
            last_active_at: row.last_active_at,
        };
        Self { contact_id: row.contact_id.into(), draft, created_at: row.created_at }
    }
}

/// A contact of one workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at
           FROM core.contact WHERE workspace_id = $1 AND contact_id = $2"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Contact::from))
}

/// Those of these contacts that there are in a workspace, in order of their ids.
///
/// # Errors
/// When the statement fails.
pub async fn get_many(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[Uuid]) -> Result<Vec<Contact>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at
           FROM core.contact WHERE workspace_id = $1 AND contact_id = ANY($2) ORDER BY contact_id"#,
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Contact::from).collect())
}

/// The contact with an external id, locked until the transaction ends. If there is none, no import can add one until then.
///
/// # Errors
/// When a statement fails.
pub async fn lock_external(connection: &mut PgConnection, workspace: WorkspaceId, external_id: &str) -> Result<Option<Contact>> {
    // Before the row: an import takes them in this order too.
    import::keep_out(connection, workspace).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at
           FROM core.contact WHERE workspace_id = $1 AND external_id = $2 FOR UPDATE"#,
        workspace.0,
        external_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Contact::from))
}

/// Adds a contact, or replaces all of the one with the same external id. Answers with its id, and whether it is new.
///
/// # Errors
/// When the statement fails.
pub async fn upsert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ContactId,
    draft: &Draft,
    now: OffsetDateTime,
) -> Result<(ContactId, bool)> {
    let row = sqlx::query!(
        r#"INSERT INTO core.contact AS known (contact_id, workspace_id, external_id, name, email, email_key, email_problem, phone, phone_key,
               phone_problem, locale, timezone, role, city, postal_code, attributes, last_active_at, created_at, updated_at, whatsapp_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $18, $17, $17, $19)
           ON CONFLICT (workspace_id, external_id) DO UPDATE SET name = excluded.name, email = excluded.email,
               email_key = excluded.email_key, email_problem = excluded.email_problem, phone = excluded.phone,
               phone_key = excluded.phone_key, phone_problem = excluded.phone_problem, locale = excluded.locale,
               timezone = excluded.timezone, role = excluded.role, city = excluded.city, postal_code = excluded.postal_code,
               attributes = excluded.attributes, last_active_at = coalesce(excluded.last_active_at, known.last_active_at),
               whatsapp_id = coalesce(nullif(excluded.whatsapp_id, ''), known.whatsapp_id), updated_at = excluded.updated_at
           RETURNING contact_id, contact_id = $1 AS "created!""#,
        id.0,
        workspace.0,
        draft.external_id,
        draft.name,
        draft.email.shown,
        draft.email.key,
        draft.email.problem,
        draft.phone.shown,
        draft.phone.key,
        draft.phone.problem,
        draft.locale,
        draft.timezone,
        role(&draft.role),
        draft.city,
        draft.postal_code,
        Json(&draft.attributes) as _,
        now,
        draft.last_active_at,
        draft.whatsapp_id
    )
    .fetch_one(connection)
    .await?;
    Ok((row.contact_id.into(), row.created))
}

/// Which contacts to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Only members of this list.
    pub list: Option<ListId>,
    /// Only those whose name, e-mail, phone or external id starts with this, whatever its case; empty: all.
    pub search: &'a str,
}

/// A page of contacts in order of creation.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, filter: Filter<'_>, page: Page) -> Result<Vec<Contact>> {
    let pattern = prefix_pattern(filter.search);
    let rows = match filter.list {
        Some(list) => list_members(connection, workspace, list, &pattern, page).await?,
        None => list_all(connection, workspace, &pattern, page).await?,
    };
    Ok(rows.into_iter().map(Contact::from).collect())
}

async fn list_all(connection: &mut PgConnection, workspace: WorkspaceId, pattern: &str, page: Page) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"SELECT contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at
           FROM core.contact
           WHERE workspace_id = $1 AND contact_id > $2
             AND ($3::text = '%' OR name ILIKE $3 OR email ILIKE $3 OR phone LIKE $3 OR external_id ILIKE $3)
           ORDER BY contact_id LIMIT $4"#,
        workspace.0,
        page.after.unwrap_or_default(),
        pattern,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// By way of the list's members, who are in order: a small list in a large workspace is read at once.
async fn list_members(connection: &mut PgConnection, workspace: WorkspaceId, list: ListId, pattern: &str, page: Page) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"SELECT c.contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at
           FROM core.list_member m JOIN core.contact c ON c.contact_id = m.contact_id AND c.workspace_id = $1
           WHERE m.list_id = $2 AND m.contact_id > $3
             AND ($4::text = '%' OR name ILIKE $4 OR email ILIKE $4 OR phone LIKE $4 OR external_id ILIKE $4)
           ORDER BY m.contact_id LIMIT $5"#,
        workspace.0,
        list.0,
        page.after.unwrap_or_default(),
        pattern,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// A LIKE pattern for what starts with a text.
fn prefix_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Deletes a contact and its memberships; deliveries stay. Returns what it was.
///
/// # Errors
/// When the statement fails.
pub async fn delete(connection: &mut PgConnection, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>> {
    let row = sqlx::query_as!(
        Row,
        r#"DELETE FROM core.contact WHERE workspace_id = $1 AND contact_id = $2
           RETURNING contact_id, external_id, name, email, email_key, email_problem, phone, phone_key, phone_problem, whatsapp_id,
               locale, timezone, role, city, postal_code, attributes AS "attributes: Json<Attributes>", last_active_at, created_at"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Contact::from))
}

#[cfg(test)]
mod tests {
    use super::prefix_pattern;

    #[test]
    fn a_search_is_taken_literally() {
        assert_eq!(prefix_pattern(""), "%");
        assert_eq!(prefix_pattern("50%_\\"), "50\\%\\_\\\\%");
    }
}
