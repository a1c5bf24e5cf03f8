//! What providers report of answers, after they took them.

use crate::Result;
use domain::{WorkspaceId, conversation::Reported};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What a provider says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The number of the answer, above zero.
    pub reply_id: i64,
    pub reported: Reported,
    pub code: String,
}

/// Keeps what providers report of answers: each only goes further. What is about something else is left out.
///
/// # Errors
/// When the statement fails.
pub async fn keep(connection: &mut PgConnection, workspace: WorkspaceId, reports: &[Report], now: OffsetDateTime) -> Result<()> {
    let mut furthest: BTreeMap<i64, &Report> = BTreeMap::new();
    for report in reports {
        let known = furthest.entry(report.reply_id).or_insert(report);
        if known.reported < report.reported {
            *known = report;
        }
    }
    if furthest.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = furthest.keys().copied().collect();
    let names: Vec<_> = furthest.values().map(|report| report.reported.as_str().to_owned()).collect();
    let codes: Vec<_> = furthest.values().map(|report| report.code.clone()).collect();
    let changed = sqlx::query_scalar!(
        "UPDATE core.message m SET reported = p.name, reported_code = p.code
         FROM unnest($2::bigint[], $3::text[], $4::text[]) AS p (reply_id, name, code) JOIN send.reply r USING (reply_id)
         WHERE r.workspace_id = $1 AND m.workspace_id = $1 AND m.message_id = r.message_id
           AND coalesce(array_position(ARRAY['sent', 'delivered', 'read', 'failed'], m.reported), 0)
             < array_position(ARRAY['sent', 'delivered', 'read', 'failed'], p.name)
         RETURNING m.conversation_id",
        workspace.0,
        &ids,
        &names,
        &codes
    )
    .fetch_all(&mut *connection)
    .await?;
    let changed: Vec<_> = changed.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    // In one order, as `threads` locks them.
    sqlx::query!(
        "UPDATE core.conversation SET updated_at = $3 WHERE workspace_id = $1 AND conversation_id IN (
             SELECT conversation_id FROM core.conversation WHERE conversation_id = ANY($2) ORDER BY sender_id, address_key FOR UPDATE)",
        workspace.0,
        &changed,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
