//! The servers killed while jobs and facts go through them: nats-server, which loses all that it had stored, too, and PostgreSQL with all
//! its children, as a crash would, which is started again with the same data.

use super::{Brief, SENDGRID, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::{Act, Dice, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict,
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

pub async fn broker(brief: Brief) -> Result<Outcome> {
    let mut dice = brief.dice();
    let mut acts: Vec<_> = (0..brief.choose(3, 20)).map(|_| Act::KillBroker { down: dice.down() }).collect();
    acts.insert(acts.len() / 2, Act::LoseStreams);
    play(brief, 1, dice, acts).await
}

pub async fn database(brief: Brief) -> Result<Outcome> {
    let mut dice = brief.dice();
    let acts: Vec<_> = (0..brief.choose(3, 20)).map(|_| Act::KillDatabase { down: dice.down() }).collect();
    play(brief, 2, dice, acts).await
}

async fn play(brief: Brief, dispatchers: usize, mut dice: Dice, acts: Vec<Act>) -> Result<Outcome> {
    let mut stage = Stage::start(Setup {
        dispatchers,
        schedulers: 2,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [10, 80], "refuse": 0.0, "throttle": 0.0}),
    })
    .await?;
    let sending = Duration::from_secs(brief.choose(15, 200));
    let target = Target::new(brief.deliveries / brief.choose(6, 10), &[SENDGRID, TWILIO], sending);
    let mut plan = Plan::default();
    plan.scatter(&mut dice, sending, acts);
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}
