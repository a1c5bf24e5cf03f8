//! Erasing a person: whatever names them is emptied, counts stay, and what they had opted out of is kept under a keyed hash of the address.
//!
//! An address that another contact has too is that one's as well: its entries in the registers stay. Nothing here can be undone.

use crate::{Result, conversation::person, test_send};
use domain::{ContactId, WorkspaceId};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// How many rows were emptied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub deliveries: u64,
    pub opt_outs: u64,
    pub consent_events: u64,
    pub audit_entries: u64,
    pub conversations: u64,
}

/// The addresses by which the person is known.
struct Known {
    all: Vec<String>,
    /// Those that no other contact has.
    own: Vec<String>,
}

/// Erases a person. None: there is no such contact.
///
/// # Errors
/// When a statement fails; nothing is erased then.
pub async fn erase(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    by: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Option<Erased>> {
    let Some(known) = lock(&mut *connection, workspace, contact).await? else { return Ok(None) };
    sqlx::query!("INSERT INTO core.erasure_key (workspace_id) VALUES ($1) ON CONFLICT (workspace_id) DO NOTHING", workspace.0)
        .execute(&mut *connection)
        .await?;
    keep_hashes(&mut *connection, workspace, contact, &known).await?;
    forget_links(&mut *connection, workspace, contact, &known.own).await?;
    let erased = Erased {
        opt_outs: forget_registers(&mut *connection, workspace, contact, &known).await?,
        consent_events: empty_events(&mut *connection, workspace, contact, &known).await?,
        deliveries: empty_deliveries(&mut *connection, workspace, contact).await?,
        audit_entries: empty_audit(&mut *connection, workspace, contact).await?,
        conversations: person::erase(&mut *connection, workspace, contact, &known.own).await?,
    };
    test_send::forget(&mut *connection, workspace, &known.own).await?;
    sqlx::query!("DELETE FROM core.contact WHERE workspace_id = $1 AND contact_id = $2", workspace.0, contact.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO core.erasure (erasure_id, workspace_id, contact_id, erased_by, reason, erased_at, counts) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        Uuid::now_v7(),
        workspace.0,
        contact.0,
        by,
        reason,
        now,
        Json(&erased) as _
    )
    .execute(connection)
    .await?;
    Ok(Some(erased))
}

/// Locks the contact, and reads the addresses that it has and had.
async fn lock(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Option<Known>> {
    let row = sqlx::query!(
        "SELECT email_key, phone_key, whatsapp_key FROM core.contact WHERE workspace_id = $1 AND contact_id = $2 FOR UPDATE",
        workspace.0,
        contact.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // Push goes to the contact itself.
    let devices = Some(format!("contact:{contact}"));
    let current: Vec<String> = [row.email_key, row.phone_key, row.whatsapp_key, devices].into_iter().flatten().collect();
    let rows = sqlx::query!(
        r#"WITH known AS (
             SELECT unnest($3::text[]) AS key
             UNION SELECT address_key FROM send.delivery WHERE workspace_id = $1 AND contact_id = $2 AND address_key IS NOT NULL
             UNION SELECT address_key FROM core.consent_event WHERE workspace_id = $1 AND contact_id = $2 AND address_key IS NOT NULL
             UNION SELECT unnest(ARRAY[address_key, 'wa:' || nullif(user_id, '')]) FROM core.conversation WHERE workspace_id = $1 AND contact_id = $2
           )
           SELECT key AS "key!",
                  EXISTS (SELECT FROM core.contact c WHERE c.workspace_id = $1 AND c.email_key = known.key AND c.contact_id <> $2)
                  OR EXISTS (SELECT FROM core.contact c WHERE c.workspace_id = $1 AND c.phone_key = known.key AND c.contact_id <> $2)
                  OR EXISTS (SELECT FROM core.contact c WHERE c.workspace_id = $1 AND c.whatsapp_key = known.key AND c.contact_id <> $2)
                  AS "shared!"
           FROM known WHERE key IS NOT NULL"#,
        workspace.0,
        contact.0,
        &current
    )
    .fetch_all(connection)
    .await?;
    let own = rows.iter().filter(|row| !row.shared).map(|row| row.key.clone()).collect();
    Ok(Some(Known { all: rows.into_iter().map(|row| row.key).collect(), own }))
}

async fn keep_hashes(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, known: &Known) -> Result<()> {
    // A topic that was left under the contact's id was left by whatever address they have.
    sqlx::query!(
        "INSERT INTO core.erased_key (workspace_id, address_hash, channel, topic_id, source, created_at)
         SELECT o.workspace_id, core.address_hash(k.inner_key, k.outer_key, o.address_key), o.channel, NULL::uuid, o.source, o.created_at
         FROM core.opt_out o JOIN core.erasure_key k USING (workspace_id) WHERE o.workspace_id = $1 AND o.address_key = ANY($2)
         UNION ALL
         SELECT o.workspace_id, core.address_hash(k.inner_key, k.outer_key, a.key), '', o.topic_id, min(o.source), min(o.created_at)
         FROM core.topic_opt_out o JOIN core.erasure_key k USING (workspace_id) CROSS JOIN unnest($2::text[]) AS a (key)
         WHERE o.workspace_id = $1 AND o.subject IN (a.key, $3) GROUP BY o.workspace_id, k.inner_key, k.outer_key, a.key, o.topic_id
         ON CONFLICT ON CONSTRAINT erased_key_once DO NOTHING",
        workspace.0,
        &known.all,
        contact.to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn forget_registers(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, known: &Known) -> Result<u64> {
    let opt_outs = sqlx::query!("DELETE FROM core.opt_out WHERE workspace_id = $1 AND address_key = ANY($2)", workspace.0, &known.own)
        .execute(&mut *connection)
        .await?;
    let mut subjects = known.own.clone();
    subjects.push(contact.to_string());
    sqlx::query!("DELETE FROM core.topic_opt_out WHERE workspace_id = $1 AND subject = ANY($2)", workspace.0, &subjects)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM core.bounce WHERE workspace_id = $1 AND address_key = ANY($2)", workspace.0, &known.own)
        .execute(connection)
        .await?;
    Ok(opt_outs.rows_affected())
}

/// Short links of the person's messages with an address of theirs in the URL, as it is or percent-encoded, lead nowhere any more. Runs
/// that the person got no text message of aren't searched.
async fn forget_links(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, own: &[String]) -> Result<()> {
    let encoded = own.iter().map(|key| key.replace('@', "%40").replace('+', "%2b"));
    let sought: Vec<_> = own.iter().map(|key| key.trim_start_matches('+').to_owned()).chain(encoded).collect();
    sqlx::query!(
        "DELETE FROM send.short_link l
         WHERE l.workspace_id = $1
           AND l.run_id IN (SELECT d.run_id FROM send.delivery d
                            WHERE d.workspace_id = $1 AND d.contact_id = $2 AND d.channel <> 'email' AND d.sent_at IS NOT NULL)
           AND EXISTS (SELECT FROM unnest($3::text[]) AS s (part) WHERE strpos(lower(l.url), s.part) > 0)",
        workspace.0,
        contact.0,
        &sought
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was said stays; who said it, and from where, doesn't.
async fn empty_events(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, known: &Known) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE core.consent_event e
         SET address_key = core.address_hash(k.inner_key, k.outer_key, e.address_key), contact_id = NULL,
             evidence = e.evidence - 'ip' - 'user_agent' - 'text' - 'delivery_id'
         FROM core.erasure_key k
         WHERE k.workspace_id = $1 AND e.workspace_id = $1 AND (e.contact_id = $2 OR e.address_key = ANY($3))",
        workspace.0,
        contact.0,
        &known.own
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The gate stops what of it still waits: its contact is gone.
async fn empty_deliveries(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE send.delivery SET address = '', address_key = NULL WHERE workspace_id = $1 AND contact_id = $2 AND address <> ''",
        workspace.0,
        contact.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The database lets the log be emptied of the one contact that the transaction names, and of nothing else.
async fn empty_audit(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<u64> {
    sqlx::query("SELECT set_config('fanfare.erased_contact', $1, true)").bind(contact.to_string()).execute(&mut *connection).await?;
    let done = sqlx::query!(
        "UPDATE core.audit SET before = NULL, after = NULL
         WHERE workspace_id = $1 AND object_type = 'contact' AND object_id = $2 AND (before IS NOT NULL OR after IS NOT NULL)",
        workspace.0,
        contact.to_string()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
