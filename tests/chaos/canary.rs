//! A tiny write again and again, beside a scenario: when the disk holds up its commit, the hub's commits are held up as well, and
//! what doesn't leave then isn't the hub's doing.

use anyhow::Result;
use std::time::{Duration, Instant};
use store::{Db, Role, admin::raw};
use time::OffsetDateTime;

const EVERY: Duration = Duration::from_millis(50);
/// A commit that takes longer is held up.
const HELD_UP: Duration = Duration::from_millis(100);

/// The times in which commits were held up.
#[derive(Debug, Default)]
pub struct Stalls(Vec<(OffsetDateTime, OffsetDateTime)>);

impl Stalls {
    /// How much of a window they take.
    pub fn within(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        self.0.iter().map(|(start, end)| Duration::try_from((*end).min(to) - (*start).max(from)).unwrap_or_default()).sum()
    }

    pub fn in_words(&self) -> String {
        let longest = self.0.iter().map(|(start, end)| (*end - *start).whole_milliseconds()).max().unwrap_or_default();
        format!("{} commits of a tiny write beside it took over {} ms, the longest {longest} ms", self.0.len(), HELD_UP.as_millis())
    }
}

/// Writes for that long.
pub async fn watch(database_url: String, time: Duration) -> Result<Stalls> {
    let db = Db::connect(&database_url, Role::Owner, 1).await?;
    let mut connection = db.acquire().await?;
    raw(&mut connection, "CREATE TABLE public.canary (sings int NOT NULL)").await?;
    let (ends, mut stalls) = (Instant::now() + time, Stalls::default());
    while Instant::now() < ends {
        let (start, started) = (OffsetDateTime::now_utc(), Instant::now());
        raw(&mut connection, "INSERT INTO public.canary VALUES (1)").await?;
        let took = started.elapsed();
        if took > HELD_UP {
            stalls.0.push((start, start + took));
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(stalls)
}
