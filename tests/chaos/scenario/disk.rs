//! The disk of PostgreSQL and nats-server full in the middle: both give up, and start again once there is room.

use super::{Brief, SENDGRID, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::{Act, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict,
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut stage = Stage::start(Setup {
        dispatchers: 1,
        schedulers: 1,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [10, 80], "refuse": 0.0, "throttle": 0.0}),
    })
    .await?;
    if !stage.machines.use_small_disk().await? {
        stage.stop().await?;
        return Ok(Outcome::skipped(brief.scenario, "a small disk can only be mounted by root"));
    }
    let sending = Duration::from_secs(brief.choose(15, 200));
    let target = Target::new(brief.deliveries / brief.choose(6, 10), &[SENDGRID, TWILIO], sending);
    let mut dice = brief.dice();
    let mut plan = Plan::default();
    let full = Act::FillDisk { time: Duration::from_secs(brief.choose(5, 60)) };
    plan.scatter(&mut dice, sending, vec![full; brief.choose(1, 2)]);
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}
