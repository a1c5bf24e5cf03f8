//! Dispatchers that are frozen for twice their lease while another takes over, and then go on as if nothing had happened.

use super::{Brief, SMTP, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::Plan,
    report::Outcome,
    stage::{Setup, Stage},
    verdict,
};
use anyhow::Result;
use domain::Channel;
use serde_json::json;
use std::time::Duration;

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut stage = Stage::start(Setup {
        dispatchers: 2,
        schedulers: 1,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [50, 250], "refuse": 0.0, "throttle": 0.0}),
    })
    .await?;
    let sending = Duration::from_secs(brief.choose(25, 300));
    let mut target = Target::new(brief.deliveries / brief.choose(8, 20), &[SMTP, TWILIO], sending);
    stage.suppress_duplicates().await?;
    target.wanted.certain.push(Channel::Email);
    let mut dice = brief.dice();
    let mut plan = Plan::default();
    let mut from = Duration::from_secs(1);
    for _ in 0..brief.choose(1, 6) {
        for name in ["dispatcher-sms", "dispatcher-email"] {
            let at = from + dice.between(Duration::from_millis(500), Duration::from_millis(3_000));
            plan.freeze(at, name, brief.frozen());
        }
        from += brief.frozen() + Duration::from_secs(15);
    }
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}
