//! The contacts that rows may be about: in the table of contacts, or among those whom a dry run would have added or changed.

use super::{
    super::Draft,
    fold::Known,
    policy::{MatchBy, Policy},
};
use crate::Result;
use domain::WorkspaceId;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What contacts are looked for by, column by column, as `unnest` takes it.
#[derive(Default)]
pub struct Sought {
    external_ids: Vec<String>,
    email_keys: Vec<String>,
    phone_keys: Vec<String>,
    /// Of those who have nothing else: what was written.
    emails: Vec<String>,
    phones: Vec<String>,
    names: Vec<String>,
}

impl Sought {
    pub fn by(policy: Policy, rows: &[Draft]) -> Self {
        let mut sought = Self::default();
        for row in rows {
            sought.add(policy.match_by, row);
        }
        for keys in [&mut sought.external_ids, &mut sought.email_keys, &mut sought.phone_keys] {
            keys.sort_unstable();
            keys.dedup();
        }
        sought
    }

    fn add(&mut self, match_by: MatchBy, row: &Draft) {
        let has_id = row.external_id.is_some();
        // Also where people are matched by something else: nobody may get an id that another has.
        self.external_ids.extend(row.external_id.clone());
        let by_any = match_by == MatchBy::Any && !has_id;
        if by_any || match_by == MatchBy::Email {
            self.email_keys.extend(row.email.key.clone());
        }
        if by_any || match_by == MatchBy::Phone {
            self.phone_keys.extend(row.phone.key.clone());
        }
        if by_any && row.email.key.is_none() && row.phone.key.is_none() {
            self.emails.push(row.email.shown.clone());
            self.phones.push(row.phone.shown.clone());
            self.names.push(row.name.clone());
        }
    }
}

/// Contacts, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn contacts(connection: &mut PgConnection, workspace: WorkspaceId, sought: &Sought) -> Result<Vec<Known>> {
    Ok(sqlx::query_as!(
        Known,
        r#"WITH found AS MATERIALIZED (
               SELECT (SELECT c.contact_id FROM core.contact c WHERE c.workspace_id = $1 AND c.external_id = id) AS contact_id
               FROM unnest($2::text[]) AS id
               UNION
               -- OFFSET 0 keeps the order out of the search: by address through its index, never through all contacts by age. A few, because
               -- an earlier row may take the address from the oldest.
               SELECT holder.contact_id FROM unnest($3::text[]) AS key CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id
                   FROM core.contact c WHERE c.workspace_id = $1 AND c.email_key = key OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
               UNION
               SELECT holder.contact_id FROM unnest($4::text[]) AS key CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id
                   FROM core.contact c WHERE c.workspace_id = $1 AND c.phone_key = key OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
               UNION
               -- Nothing to know them by but what was written: so that a file that is imported again adds nobody twice.
               SELECT holder.contact_id FROM unnest($5::text[], $6::text[], $7::text[]) AS row(email, phone, name)
               CROSS JOIN LATERAL (SELECT contact_id FROM (SELECT c.contact_id FROM core.contact c
                   WHERE c.workspace_id = $1 AND c.email_key IS NULL AND c.phone_key IS NULL AND c.external_id IS NULL
                     AND c.email = row.email AND c.phone = row.phone AND c.name = row.name OFFSET 0) AS c ORDER BY 1 LIMIT 10) AS holder
           )
           SELECT c.contact_id AS "contact_id!", c.external_id, c.name AS "name!", c.email AS "email!", c.email_key, c.phone AS "phone!",
               c.phone_key
           FROM found CROSS JOIN LATERAL (
               SELECT c.contact_id, c.external_id, c.name, c.email, c.email_key, c.phone, c.phone_key
               FROM core.contact c WHERE c.contact_id = found.contact_id OFFSET 0) AS c
           ORDER BY c.contact_id"#,
        workspace.0,
        &sought.external_ids,
        &sought.email_keys,
        &sought.phone_keys,
        &sought.emails,
        &sought.phones,
        &sought.names
    )
    .fetch_all(connection)
    .await?)
}

/// Contacts as they would be after what a dry run has seen so far, oldest first.
///
/// # Errors
/// When a statement fails.
pub async fn rehearsed(connection: &mut PgConnection, import_id: Uuid, workspace: WorkspaceId, sought: &Sought) -> Result<Vec<Known>> {
    let there = contacts(connection, workspace, sought).await?;
    let ids: Vec<_> = there.iter().map(|known| known.contact_id).collect();
    let changed = sqlx::query_as!(
        Known,
        r#"WITH found AS MATERIALIZED (
               SELECT holder.contact_id FROM unnest($2::text[]) AS key CROSS JOIN LATERAL (
                   SELECT contact_id FROM core.contact_rehearsal r WHERE r.import_id = $1 AND r.external_id = key OFFSET 0) AS holder
               UNION
               SELECT holder.contact_id FROM unnest($3::text[]) AS key CROSS JOIN LATERAL (
                   SELECT contact_id FROM core.contact_rehearsal r WHERE r.import_id = $1 AND r.email_key = key OFFSET 0) AS holder
               UNION
               SELECT holder.contact_id FROM unnest($4::text[]) AS key CROSS JOIN LATERAL (
                   SELECT contact_id FROM core.contact_rehearsal r WHERE r.import_id = $1 AND r.phone_key = key OFFSET 0) AS holder
               UNION
               SELECT holder.contact_id FROM unnest($6::text[], $7::text[], $8::text[]) AS row(email, phone, name) CROSS JOIN LATERAL (
                   SELECT contact_id FROM core.contact_rehearsal r
                   WHERE r.import_id = $1 AND r.external_id IS NULL AND r.email_key IS NULL AND r.phone_key IS NULL
                     AND r.email = row.email AND r.phone = row.phone AND r.name = row.name OFFSET 0) AS holder
               UNION
               SELECT unnest($5::uuid[])
           )
           SELECT r.contact_id AS "contact_id!", r.external_id, r.name AS "name!", r.email AS "email!", r.email_key, r.phone AS "phone!",
               r.phone_key
           FROM found CROSS JOIN LATERAL (
               SELECT r.contact_id, r.external_id, r.name, r.email, r.email_key, r.phone, r.phone_key
               FROM core.contact_rehearsal r WHERE r.import_id = $1 AND r.contact_id = found.contact_id OFFSET 0) AS r"#,
        import_id,
        &sought.external_ids,
        &sought.email_keys,
        &sought.phone_keys,
        &ids,
        &sought.emails,
        &sought.phones,
        &sought.names
    )
    .fetch_all(connection)
    .await?;
    // Ids are in order of age.
    let mut known: BTreeMap<_, _> = there.into_iter().map(|known| (known.contact_id, known)).collect();
    known.extend(changed.into_iter().map(|known| (known.contact_id, known)));
    Ok(known.into_values().collect())
}
