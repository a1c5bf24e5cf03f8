//! Receiving domains that said that they take a sender's mail too slowly: nothing leaves for them for a while.
//!
//! A hold is a minute at first; one that comes soon after another is twice as long, up to an hour. Each time as long as the last hold that
//! passes without a new one halves it again, so that a domain which takes mail now has nothing to be told.

use crate::Result;
use domain::SenderId;
use sqlx::PgConnection;
use std::{collections::HashMap, time::Duration};
use time::OffsetDateTime;

/// In seconds.
const SHORTEST: i32 = 60;
const LONGEST: i32 = 3_600;

/// A domain's wish to be sent less.
#[derive(Debug, Clone, Copy)]
pub struct Slow<'a> {
    pub domain: &'a str,
    /// For how long, where it says so.
    pub after: Option<Duration>,
    /// What it said.
    pub code: &'a str,
}

/// Holds a domain for a sender, and forgets what has long been over. Of messages that had left before a hold began the domain says nothing
/// new. Answers until when it is held; None when there is no such sender.
///
/// # Errors
/// When the statement fails.
pub async fn hold(connection: &mut PgConnection, sender: SenderId, slow: Slow<'_>, now: OffsetDateTime) -> Result<Option<OffsetDateTime>> {
    let after = slow.after.map_or(0, |after| i32::try_from(after.as_secs()).unwrap_or(LONGEST));
    Ok(sqlx::query_scalar!(
        r#"WITH over AS (
             DELETE FROM send.domain_hold WHERE sender_id = $1 AND until < $5::timestamptz - interval '12 hours' AND domain <> lower($2)
           )
           INSERT INTO send.domain_hold AS h (sender_id, domain, workspace_id, until, hold_seconds, code, updated_at)
           SELECT $1, lower($2), s.workspace_id, $5::timestamptz + make_interval(secs => $3::int), $3, $4, $5
           FROM core.sender s WHERE s.sender_id = $1
           ON CONFLICT (sender_id, domain) DO UPDATE SET code = excluded.code, updated_at = excluded.updated_at,
             (until, hold_seconds) = (
               SELECT CASE WHEN excluded.updated_at < h.until THEN greatest(h.until, excluded.until)
                           ELSE excluded.updated_at + make_interval(secs => next) END,
                      CASE WHEN excluded.updated_at < h.until THEN h.hold_seconds ELSE next END
               FROM (SELECT least($6::int, greatest(excluded.hold_seconds,
                       (2 * h.hold_seconds / power(2, least(20, greatest(0, floor(extract(epoch FROM excluded.updated_at - h.until)
                                                                                  / h.hold_seconds)))))::int))) AS doubled (next))
           RETURNING h.until AS "until!""#,
        sender.0,
        slow.domain,
        after.clamp(SHORTEST, LONGEST),
        slow.code,
        now,
        LONGEST
    )
    .fetch_optional(connection)
    .await?)
}

/// Which of these domains (in lower case) are held for a sender, and until when.
///
/// # Errors
/// When the statement fails.
pub async fn held(
    connection: &mut PgConnection,
    sender: SenderId,
    domains: &[String],
    now: OffsetDateTime,
) -> Result<HashMap<String, OffsetDateTime>> {
    let held = sqlx::query!(
        "SELECT domain, until FROM send.domain_hold WHERE sender_id = $1 AND domain = ANY($2) AND until > $3",
        sender.0,
        domains,
        now
    );
    Ok(held.fetch_all(connection).await?.into_iter().map(|held| (held.domain, held.until)).collect())
}
