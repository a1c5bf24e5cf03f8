//! The worst of callbacks: each five times, shuffled, before the answer to its own send, dated a day back, and for ids that never were.
//! webhook-ingest and analytics are killed in between.

use super::{Brief, META, SENDGRID, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::{Act, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict,
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

const A_DAY_SECONDS: u32 = 24 * 3600;

pub async fn play(brief: Brief) -> Result<Outcome> {
    let setup = Setup {
        dispatchers: 1,
        schedulers: 1,
        env: brief.lease_env(),
        behaviour: json!({
            "latency_ms": [5, 50], "refuse": 0.01, "throttle": 0.0, "read": 0.6, "click": 0.4, "stop": 0.03,
            "callbacks": {"copies": 5, "shuffle": true, "early": true, "unknown_ids": 0.1, "backdate_s": A_DAY_SECONDS},
        }),
    };
    let mut stage = Stage::start(setup).await?;
    let sending = Duration::from_secs(brief.choose(15, 90));
    let target = Target::new(brief.deliveries / brief.choose(10, 20), &[SENDGRID, TWILIO, META], sending);
    let mut dice = brief.dice();
    let victims = dice.rounds(&["webhook-ingest", "analytics"], brief.choose(2, 12));
    let acts = victims.into_iter().map(|name| Act::Kill { name: name.to_owned(), down: dice.down() }).collect();
    let mut plan = Plan::default();
    plan.scatter(&mut dice, sending, acts);
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}
