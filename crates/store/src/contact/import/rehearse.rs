//! A dry run: what an import would come to, without a contact being written.
//!
//! Whom it would add or change is kept beside the contacts, in a table that it alone looks at, so that its counts are exact across
//! batches, in bounded memory and without a transaction that stays open.

use super::{
    Counts, Draft,
    find::{self, Sought},
    fold::{self, Person},
    policy::Policy,
};
use crate::Result;
use domain::{ContactId, WorkspaceId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// What a dry run left behind when its process died is dropped after this.
const LEFT_BEHIND: Duration = Duration::DAY;

/// Counts what rows would come to after the earlier ones of the same dry run.
///
/// # Errors
/// When a statement fails; the caller rolls back.
pub async fn rehearse(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    policy: Policy,
    rows: Vec<Draft>,
    now: OffsetDateTime,
) -> Result<Counts> {
    super::look_up_by_index(connection).await?;
    let known = find::rehearsed(connection, import_id, workspace, &Sought::by(policy, &rows)).await?;
    let (people, outcomes) = fold::by_person(known, rows, policy);
    keep(connection, workspace, import_id, people, now).await?;
    Ok(Counts::of(&outcomes))
}

async fn keep(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    import_id: Uuid,
    people: Vec<Person>,
    now: OffsetDateTime,
) -> Result<()> {
    let (mut ids, mut external_ids, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut emails, mut email_keys, mut phones, mut phone_keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for person in people.into_iter().filter(|person| person.draft.is_some()) {
        ids.push(person.contact_id.unwrap_or_else(|| ContactId::new().0));
        external_ids.push(person.known.external_id);
        names.push(person.known.name);
        emails.push(person.known.email);
        email_keys.push(person.known.email_key);
        phones.push(person.known.phone);
        phone_keys.push(person.known.phone_key);
    }
    sqlx::query!(
        "INSERT INTO core.contact_rehearsal (import_id, workspace_id, contact_id, external_id, name, email, email_key, phone, phone_key, created_at)
         SELECT $1, $2, contact_id, external_id, name, email, email_key, phone, phone_key, $10
         FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
         AS row(contact_id, external_id, name, email, email_key, phone, phone_key)
         ON CONFLICT (import_id, contact_id) DO UPDATE SET external_id = excluded.external_id, name = excluded.name, email = excluded.email,
             email_key = excluded.email_key, phone = excluded.phone, phone_key = excluded.phone_key",
        import_id,
        workspace.0,
        &ids,
        &external_ids as _,
        &names,
        &emails,
        &email_keys as _,
        &phones,
        &phone_keys as _,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a dry run, and those that died long ago.
///
/// # Errors
/// When the statement fails.
pub async fn forget(connection: &mut PgConnection, workspace: WorkspaceId, import_id: Uuid, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "DELETE FROM core.contact_rehearsal WHERE workspace_id = $1 AND (import_id = $2 OR created_at < $3)",
        workspace.0,
        import_id,
        now - LEFT_BEHIND
    )
    .execute(connection)
    .await?;
    Ok(())
}
