//! A stream that is full, because nobody reads it: what can't be published waits in the database, and sending goes on.

use super::{Brief, SENDGRID, TWILIO, Target, attack, conclude};
use crate::{
    monkey::Plan,
    report::Outcome,
    stage::{Setup, Stage},
    verdict::{self, Check},
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;
use store::{Db, Role, admin::raw};

/// Two of the largest batches of facts.
const EVENTS_BYTES: usize = 1 << 18;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What has waited for so long was refused by the stream.
const REFUSED: &str = "SELECT FROM send.outbox WHERE published_at IS NULL AND created_at < now() - interval '2 seconds'";

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut env = brief.lease_env();
    env.push(("FANFARE_STREAM_BYTES", format!("EVENTS={EVENTS_BYTES}")));
    let behaviour = json!({"latency_ms": [10, 80], "refuse": 0.0, "throttle": 0.0});
    let mut stage = Stage::start(Setup { dispatchers: 1, schedulers: 1, env, behaviour }).await?;
    let (sending, full) = (Duration::from_secs(brief.choose(18, 120)), Duration::from_secs(brief.choose(12, 60)));
    let target = Target::new(brief.deliveries / brief.choose(3, 10), &[SENDGRID, TWILIO], sending);
    let mut plan = Plan::default();
    plan.freeze(Duration::from_secs(2), "analytics", full);
    let campaign = target.send(&stage.desk).await?;
    let database = stage.machines.stack.database_url.clone();
    let refused = most_refused(&database, full + Duration::from_secs(2));
    let (watched, refused) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, refused).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| {
        let none = (refused == 0).then(|| "nothing had to wait for room".to_owned());
        vec![verdict::none_fell(machines), Check::new("the stream was full", none.into_iter().collect())]
    })
    .await
}

/// The most facts that waited for room at once.
async fn most_refused(database: &str, time: Duration) -> Result<u64> {
    let db = Db::connect(database, Role::Owner, 1).await?;
    let mut most = 0;
    for _ in 0..(time.as_millis() / LOOK_EVERY.as_millis()) {
        most = most.max(raw(&mut *db.acquire().await?, REFUSED).await?);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(most)
}
