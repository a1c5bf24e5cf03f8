//! Where the short links of text messages lead to.

use crate::Result;
use domain::{RunId, WorkspaceId, facts, tracking::Destination};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A destination that messages of a run are to lead to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub destination: Destination,
}

impl Wanted {
    fn key(&self) -> [u8; facts::KEY_BYTES] {
        facts::key(&format!("{}\0{}", self.destination.url, self.destination.conversion_parameter))
    }
}

/// The numbers of these links, which are made where there are none yet. Any number of dispatchers may ask for the same ones.
///
/// # Errors
/// When a statement fails.
pub async fn ensure(connection: &mut PgConnection, wanted: &[Wanted], now: OffsetDateTime) -> Result<BTreeMap<Wanted, i64>> {
    // In one order everywhere: two statements that add the same links wait for one another, and must not do so crosswise.
    let wanted: BTreeMap<_, _> = wanted.iter().map(|link| ((link.run_id.0, link.key()), link)).collect();
    let runs: Vec<_> = wanted.keys().map(|(run, _)| *run).collect();
    let keys: Vec<_> = wanted.keys().map(|(_, key)| key.to_vec()).collect();
    let workspaces: Vec<_> = wanted.values().map(|link| link.workspace_id.0).collect();
    let urls: Vec<_> = wanted.values().map(|link| link.destination.url.clone()).collect();
    let parameters: Vec<_> = wanted.values().map(|link| link.destination.conversion_parameter.clone()).collect();
    sqlx::query!(
        "INSERT INTO send.short_link (run_id, link_key, workspace_id, url, conversion_parameter, created_at)
         SELECT w.*, $6 FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::text[], $5::text[])
                               AS w (run_id, link_key, workspace_id, url, parameter)
         ON CONFLICT ON CONSTRAINT short_link_once DO NOTHING",
        &runs,
        &keys,
        &workspaces,
        &urls,
        &parameters,
        now
    )
    .execute(&mut *connection)
    .await?;
    // A statement of its own: only it sees what others have added meanwhile.
    let rows = sqlx::query!(
        "SELECT l.run_id, l.link_key, l.link_id FROM unnest($1::uuid[], $2::bytea[]) AS w (run_id, link_key)
         JOIN send.short_link l ON l.run_id = w.run_id AND l.link_key = w.link_key",
        &runs,
        &keys
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().filter_map(|row| {
        let key: [u8; facts::KEY_BYTES] = row.link_key.try_into().ok()?;
        Some(((*wanted.get(&(row.run_id, key))?).clone(), row.link_id))
    });
    Ok(found.collect())
}

/// Where a link leads; None when there is none of that number.
///
/// # Errors
/// When the statement fails.
pub async fn find(connection: &mut PgConnection, link: i64) -> Result<Option<Destination>> {
    Ok(sqlx::query_as!(Destination, "SELECT url, conversion_parameter FROM send.short_link WHERE link_id = $1", link)
        .fetch_optional(connection)
        .await?)
}
