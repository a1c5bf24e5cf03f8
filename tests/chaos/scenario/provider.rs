//! A provider that takes messages and then hangs, resets, answers 500, garbage or a byte a second, and that storms with 429.

use super::{Brief, META, SENDGRID, TWILIO, Target, attack, conclude};
use crate::{
    monkey::Plan,
    oracle::Oracle,
    report::Outcome,
    stage::{Setup, Stage},
    verdict, watch,
};
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// Storms during the sending.
const STORMS: u32 = 3;
const STORM: Duration = Duration::from_secs(3);

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut stage = Stage::start(Setup { dispatchers: 1, schedulers: 1, env: brief.lease_env(), behaviour: weather(0.01) }).await?;
    let sending = Duration::from_secs(brief.choose(18, 120));
    let mut target = Target::new(brief.deliveries / 20, &[SENDGRID, TWILIO, META], sending);
    target.wanted.doubtful = true;
    let oracle = watch::oracle(&stage)?;
    let campaign = target.send(&stage.desk).await?;
    let storms = storms(&oracle, sending);
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &Plan::default(), &brief, storms).await?;
    stage.machines.count_more("storm of 429", STORMS.into());
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}

/// Faults of each kind at the first attempts to reach somebody; a storm is when all of them are told to wait.
fn weather(throttle: f64) -> Value {
    let doubts = if throttle < 1.0 { 0.02 } else { 0.0 };
    json!({
        "latency_ms": [5, 50], "refuse": 0.0, "throttle": 0.0,
        "faults": {
            "first_attempts": 3, "accept_then_hang": doubts, "accept_then_reset": doubts, "accept_then_500": doubts,
            "accept_then_garbage": doubts, "trickle": doubts, "hang": doubts, "reset": doubts, "server_error": doubts, "garbage": doubts,
            "throttle": throttle,
        },
    })
}

async fn storms(oracle: &Oracle, sending: Duration) -> Result<()> {
    for _ in 0..STORMS {
        tokio::time::sleep((sending / STORMS).saturating_sub(STORM)).await;
        oracle.behave(&weather(1.0)).await?;
        tokio::time::sleep(STORM).await;
        oracle.behave(&weather(0.01)).await?;
    }
    Ok(())
}
