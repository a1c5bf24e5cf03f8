//! The sender's pace, which all replicas share.

use crate::{PgConnection, Result};
use domain::{
    SenderId,
    rate::{self, Bucket, Grant, Lane},
};
use std::time::Duration;

/// A sender's pace as it was then.
pub(super) struct Pace {
    pub(super) bucket: Bucket,
    /// By the database's clock, in seconds.
    pub(super) now: f64,
    pub(super) rate_per_second: f64,
}

impl Pace {
    pub(super) fn grant(&self, want: u32, lane: Lane) -> Grant {
        rate::grant(&self.bucket, self.now, want, self.rate_per_second, lane)
    }
}

/// Asks for up to `want` messages of the sender's pace. Locks the pace until the transaction ends, so it comes last; what was granted is
/// stored with the marks.
pub(crate) async fn take(connection: &mut PgConnection, sender: SenderId, want: u32, lane: Lane) -> Result<Grant> {
    let row = sqlx::query!(
        r#"SELECT extract(epoch FROM b.next_at)::float8 AS "next_at!", extract(epoch FROM clock_timestamp())::float8 AS "now!",
                  b.pace, extract(epoch FROM b.pace_at)::float8 AS pace_at, extract(epoch FROM b.yield_until)::float8 AS yield_until,
                  s.rate_per_second
           FROM send.rate_bucket b JOIN core.sender s USING (sender_id) WHERE b.sender_id = $1 FOR UPDATE OF b"#,
        sender.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        // The first message ever of this sender starts its pace, from nothing.
        let next_at = sqlx::query_scalar!(
            r#"INSERT INTO send.rate_bucket AS b (sender_id, next_at) VALUES ($1, clock_timestamp())
               ON CONFLICT (sender_id) DO UPDATE SET next_at = b.next_at RETURNING extract(epoch FROM next_at)::float8 AS "next_at!""#,
            sender.0
        )
        .fetch_one(connection)
        .await?;
        return Ok(Grant { count: 0, next_at, yield_until: None, wait: Some(Duration::from_millis(1)) });
    };
    let bucket = Bucket { next_at: row.next_at, pace: row.pace, pace_at: row.pace_at, yield_until: row.yield_until };
    Ok(Pace { bucket, now: row.now, rate_per_second: row.rate_per_second }.grant(want, lane))
}
