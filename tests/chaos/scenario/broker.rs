//! kill -9 of nats-server while jobs and facts go through it, and the loss of all that it had stored.

use super::{Brief, SENDGRID, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::{Act, Plan},
    report::Outcome,
    stage::{Setup, Stage},
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut stage = Stage::start(Setup {
        dispatchers: 1,
        schedulers: 2,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [10, 80], "refuse": 0.0, "throttle": 0.0}),
    })
    .await?;
    let sending = Duration::from_secs(brief.choose(15, 200));
    let target = Target::new(brief.deliveries / brief.choose(6, 10), &[SENDGRID, TWILIO], sending, &brief);
    let mut dice = brief.dice();
    let mut acts: Vec<_> = (0..brief.choose(3, 20)).map(|_| Act::KillBroker { down: dice.down() }).collect();
    acts.insert(acts.len() / 2, Act::LoseStreams);
    let mut plan = Plan::default();
    plan.scatter(&mut dice, sending, acts);
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![crate::verdict::none_fell(machines)]).await
}
