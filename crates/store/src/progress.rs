//! What tries leave at their provider for the next one to go on with: a container, an upload. Few messages have such a thing.

use crate::{PgConnection, Result, record::Tried};
use domain::delivery::State;
use sqlx::types::Json;
use time::OffsetDateTime;

/// Keeps what these tries have left, as far as their outcome was recorded (`kept`), and forgets what no further try will go on with. No
/// statement where there is nothing of either.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn keep(connection: &mut PgConnection, tried: &[Tried], kept: &[i64], now: OffsetDateTime) -> Result<()> {
    let steps = || tried.iter().filter(|one| kept.contains(&one.delivery_id.0)).filter_map(|one| Some((one, one.progress.as_ref()?)));
    if steps().next().is_some() {
        let ids: Vec<i64> = steps().map(|(one, _)| one.delivery_id.0).collect();
        let left: Vec<_> = steps().map(|(_, progress)| Json(progress)).collect();
        sqlx::query!(
            "INSERT INTO send.delivery_progress AS p (delivery_id, workspace_id, progress, begun_at, updated_at)
             SELECT d.delivery_id, d.workspace_id, t.progress, $3, $3
             FROM unnest($1::bigint[], $2::jsonb[]) AS t (delivery_id, progress) JOIN send.delivery d USING (delivery_id)
             ON CONFLICT (delivery_id) DO UPDATE SET progress = excluded.progress, steps = p.steps + 1, updated_at = excluded.updated_at",
            &ids,
            &left as &[Json<&serde_json::Value>],
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    let is_over = |one: &&Tried| one.has_progress && matches!(one.state, State::Accepted | State::Rejected | State::Suppressed);
    let over: Vec<i64> = tried.iter().filter(is_over).map(|one| one.delivery_id.0).filter(|id| kept.contains(id)).collect();
    forget(connection, &over).await
}

/// Forgets what these deliveries' tries have left: what is sent next begins anew.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn forget(connection: &mut PgConnection, delivery_ids: &[i64]) -> Result<()> {
    if !delivery_ids.is_empty() {
        sqlx::query!("DELETE FROM send.delivery_progress WHERE delivery_id = ANY($1)", delivery_ids).execute(connection).await?;
    }
    Ok(())
}
