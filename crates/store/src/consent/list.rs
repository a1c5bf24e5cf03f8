//! Lists that ask for confirmation: how they ask, who was asked, and who confirmed.
//!
//! Whoever adds a contact to such a list, the database makes them a member only once they have confirmed (`core.hold_unconfirmed`).

use crate::{Result, page::Page};
use domain::{ContactId, ListId, WorkspaceId};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// How a list asks. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asking {
    #[serde(skip)]
    pub list_id: ListId,
    pub double_opt_in: bool,
    /// Language → what people agree to, '' for all others; empty: the built-in wording.
    pub wording: BTreeMap<String, String>,
    /// 0: the built-in wording.
    pub wording_version: i32,
    #[serde(skip)]
    pub pending: i64,
    #[serde(skip)]
    pub confirmed: i64,
}

/// How a list asks, and how many have answered; None when there is no such list.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId) -> Result<Option<Asking>> {
    let row = sqlx::query!(
        r#"SELECT l.list_id, l.double_opt_in, l.wording_version, coalesce(w.texts, '{}') AS "texts!: Json<BTreeMap<String, String>>",
                  c.pending AS "pending!", c.confirmed AS "confirmed!"
           FROM core.list l LEFT JOIN core.list_wording w ON w.list_id = l.list_id AND w.version = l.wording_version
           CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE c.confirmed_at IS NULL) AS pending, count(c.confirmed_at) AS confirmed
             FROM core.list_consent c WHERE c.list_id = l.list_id) AS c
           WHERE l.workspace_id = $1 AND l.list_id = $2"#,
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Asking {
        list_id: row.list_id.into(),
        double_opt_in: row.double_opt_in,
        wording: row.texts.0,
        wording_version: row.wording_version,
        pending: row.pending,
        confirmed: row.confirmed,
    }))
}

/// Turns double opt-in on or off.
///
/// # Errors
/// When the statement fails.
pub async fn set_double_opt_in(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId, on: bool) -> Result<()> {
    sqlx::query!("UPDATE core.list SET double_opt_in = $3 WHERE workspace_id = $1 AND list_id = $2", workspace.0, id.0, on)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a version of what people agree to. Answers with its number. The list must be locked ([`crate::list::lock`]).
///
/// # Errors
/// When a statement fails.
pub async fn add_wording(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ListId,
    texts: &BTreeMap<String, String>,
    by: &str,
    now: OffsetDateTime,
) -> Result<i32> {
    let version = sqlx::query_scalar!(
        r#"INSERT INTO core.list_wording (list_id, version, workspace_id, texts, created_at, created_by)
           SELECT $2, coalesce(max(version), 0) + 1, $1, $3, $4, $5 FROM core.list_wording WHERE list_id = $2
           RETURNING version"#,
        workspace.0,
        id.0,
        Json(texts) as _,
        now,
        by
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("UPDATE core.list SET wording_version = $3 WHERE workspace_id = $1 AND list_id = $2", workspace.0, id.0, version)
        .execute(connection)
        .await?;
    Ok(version)
}

/// Who was asked and has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub contact_id: ContactId,
    pub requested_at: OffsetDateTime,
}

/// A page of those who have not confirmed, in order of their ids.
///
/// # Errors
/// When the statement fails.
pub async fn pending(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId, page: Page) -> Result<Vec<Pending>> {
    Ok(sqlx::query_as!(
        Pending,
        "SELECT contact_id, requested_at FROM core.list_consent
         WHERE workspace_id = $1 AND list_id = $2 AND confirmed_at IS NULL AND contact_id > $3 ORDER BY contact_id LIMIT $4",
        workspace.0,
        id.0,
        page.after.unwrap_or_default(),
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// How many of these have not confirmed a list.
///
/// # Errors
/// When the statement fails.
pub async fn count_pending(connection: &mut PgConnection, workspace: WorkspaceId, id: ListId, contacts: &[Uuid]) -> Result<u64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM core.list_consent
           WHERE workspace_id = $1 AND list_id = $2 AND contact_id = ANY($3) AND confirmed_at IS NULL"#,
        workspace.0,
        id.0,
        contacts
    )
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// A contact, asked to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub contact_id: ContactId,
    /// The one that a confirmation goes to: the e-mail address, else the phone. None: neither can be used.
    pub address_key: Option<String>,
    pub confirmed: bool,
    /// Not before this call.
    pub new: bool,
}

/// Asks contacts to confirm; whom it was asked before isn't asked again. Those who aren't the workspace's are left out.
///
/// # Errors
/// When the statement fails.
pub async fn ask(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ListId,
    contacts: &[Uuid],
    now: OffsetDateTime,
) -> Result<Vec<Asked>> {
    Ok(sqlx::query_as!(
        Asked,
        r#"WITH new AS (
             INSERT INTO core.list_consent (list_id, contact_id, workspace_id, requested_at)
             SELECT $2, c.contact_id, $1, $4 FROM core.contact c WHERE c.workspace_id = $1 AND c.contact_id = ANY($3) ORDER BY c.contact_id
             ON CONFLICT (list_id, contact_id) DO NOTHING
             RETURNING contact_id
           )
           SELECT c.contact_id, coalesce(c.email_key, c.phone_key) AS address_key, l.confirmed_at IS NOT NULL AS "confirmed!",
                  EXISTS (SELECT FROM new WHERE new.contact_id = c.contact_id) AS "new!"
           FROM core.contact c LEFT JOIN core.list_consent l ON l.list_id = $2 AND l.contact_id = c.contact_id
           WHERE c.workspace_id = $1 AND c.contact_id = ANY($3)"#,
        workspace.0,
        id.0,
        contacts,
        now
    )
    .fetch_all(connection)
    .await?)
}

/// Who has confirmed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub contact_id: ContactId,
    pub address_key: Option<String>,
}

/// Contacts confirm a list, and are its members from now on. Answers with those who had not confirmed before; an archived list, and
/// contacts who aren't the workspace's, are left out.
///
/// # Errors
/// When a statement fails.
pub async fn confirm(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: ListId,
    contacts: &[Uuid],
    at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Vec<Confirmed>> {
    let confirmed = sqlx::query_as!(
        Confirmed,
        r#"WITH done AS (
             INSERT INTO core.list_consent AS l (list_id, contact_id, workspace_id, requested_at, confirmed_at)
             SELECT $2, c.contact_id, $1, $4, $4 FROM core.contact c JOIN core.list t ON t.list_id = $2 AND t.workspace_id = $1
             WHERE c.workspace_id = $1 AND c.contact_id = ANY($3) AND t.archived_at IS NULL ORDER BY c.contact_id
             ON CONFLICT (list_id, contact_id) DO UPDATE SET confirmed_at = excluded.confirmed_at WHERE l.confirmed_at IS NULL
             RETURNING l.contact_id
           )
           SELECT contact_id AS "contact_id!", coalesce(c.email_key, c.phone_key) AS address_key FROM done JOIN core.contact c USING (contact_id)"#,
        workspace.0,
        id.0,
        contacts,
        at
    )
    .fetch_all(&mut *connection)
    .await?;
    // A statement of its own: the database holds back whom it doesn't see to have confirmed. Who was taken off the list since and confirms
    // again comes back too.
    sqlx::query!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT l.list_id, l.contact_id, l.workspace_id, $4 FROM core.list_consent l JOIN core.list t USING (list_id)
         WHERE l.workspace_id = $1 AND l.list_id = $2 AND l.contact_id = ANY($3) AND l.confirmed_at IS NOT NULL AND t.archived_at IS NULL
         ORDER BY l.contact_id
         ON CONFLICT (list_id, contact_id) DO NOTHING",
        workspace.0,
        id.0,
        contacts,
        now
    )
    .execute(connection)
    .await?;
    Ok(confirmed)
}
