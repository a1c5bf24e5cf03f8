//! Who a campaign is for, and who of them can be reached. What [`preview`] counts, [`crate::expand`] writes and
//! [`crate::dry_run`] reads: a change to one is a change to all.

use crate::Result;
use domain::{Channel, ListId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The lists that make an audience.
#[derive(Debug, Clone, Copy)]
pub struct Audience<'a> {
    pub workspace: WorkspaceId,
    pub include: &'a [ListId],
    pub exclude: &'a [ListId],
}

impl Audience<'_> {
    /// The lists' ids, included and excluded, as SQL takes them.
    pub(crate) fn ids(&self) -> (Vec<Uuid>, Vec<Uuid>) {
        let raw = |lists: &[ListId]| lists.iter().map(|list| list.0).collect();
        (raw(self.include), raw(self.exclude))
    }
}

/// How much of an audience one channel reaches: `target` is `reachable` and all that is `unreachable` together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    pub target: u64,
    pub reachable: u64,
    /// Reason → contacts.
    pub unreachable: BTreeMap<String, u64>,
}

/// Counts the distinct contacts of an audience.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, audience: Audience<'_>) -> Result<u64> {
    let (include, exclude) = audience.ids();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT m.contact_id FROM core.list_member m
               WHERE m.workspace_id = $1 AND m.list_id = ANY($2)
                 AND NOT EXISTS (SELECT 1 FROM core.list_member x WHERE x.contact_id = m.contact_id AND x.list_id = ANY($3))
               GROUP BY m.contact_id
           ) AS distinct_contacts"#,
        audience.workspace.0,
        &include,
        &exclude
    )
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// Counts whom a channel reaches of an audience, as of now, and why it doesn't reach the others. Of several contacts with one
/// address the first is reached and the others are duplicates.
///
/// # Errors
/// When a statement fails.
pub async fn preview(connection: &mut PgConnection, audience: Audience<'_>, channel: Channel) -> Result<Reach> {
    let (include, exclude) = audience.ids();
    // Room for the addresses of a million contacts; for this transaction only.
    sqlx::query("SET LOCAL work_mem = '64MB'").execute(&mut *connection).await?;
    let rows = sqlx::query!(
        r#"WITH address AS (
               SELECT CASE WHEN $2::text = 'email' THEN c.email_key ELSE c.phone_key END AS key,
                      CASE WHEN $2::text = 'email' THEN c.email = '' ELSE c.phone = '' END AS missing,
                      count(*) AS contacts
               FROM core.contact c
               WHERE c.workspace_id = $1
                 AND c.contact_id IN (SELECT m.contact_id FROM core.list_member m WHERE m.list_id = ANY($3))
                 AND NOT EXISTS (SELECT FROM core.list_member x WHERE x.contact_id = c.contact_id AND x.list_id = ANY($4))
               GROUP BY 1, 2
           ), opted_out AS (
               SELECT DISTINCT address_key AS key FROM core.opt_out WHERE workspace_id = $1 AND channel IN ($2, 'all')
           )
           SELECT CASE WHEN a.missing THEN 'no_address'
                       WHEN a.key IS NULL THEN 'invalid_address'
                       WHEN o.key IS NOT NULL THEN 'opted_out' END AS reason,
                  sum(a.contacts)::bigint AS "contacts!", count(*) AS "addresses!"
           FROM address a LEFT JOIN opted_out o USING (key) GROUP BY 1"#,
        audience.workspace.0,
        channel.as_str(),
        &include,
        &exclude
    )
    .fetch_all(connection)
    .await?;
    let mut reach = Reach::default();
    for row in rows {
        let contacts = row.contacts.unsigned_abs();
        reach.target += contacts;
        let (reason, unreachable) = match row.reason {
            Some(reason) => (reason, contacts),
            None => {
                reach.reachable = row.addresses.unsigned_abs();
                ("duplicate".to_owned(), contacts - reach.reachable)
            }
        };
        if unreachable > 0 {
            reach.unreachable.insert(reason, unreachable);
        }
    }
    Ok(reach)
}
