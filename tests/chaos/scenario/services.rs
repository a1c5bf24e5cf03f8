//! kill -9 of every service at random moments, with two schedulers and two dispatchers a channel.

use super::{Brief, META, SMTP, TWILIO, Target, attack, conclude, nothing};
use crate::{
    monkey::{Act, Dice, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict,
};
use anyhow::Result;
use domain::Channel;
use serde_json::json;
use std::time::Duration;

/// Each with its replicas: one of them is the victim.
const VICTIMS: [&[&str]; 7] = [
    &["dispatcher-sms", "dispatcher-sms-2"],
    &["dispatcher-email", "dispatcher-email-2"],
    &["dispatcher-whatsapp", "dispatcher-whatsapp-2"],
    &["scheduler", "scheduler-2"],
    &["analytics"],
    &["webhook-ingest"],
    &["campaign-api"],
];

pub async fn play(brief: Brief) -> Result<Outcome> {
    let mut stage = Stage::start(Setup {
        dispatchers: 2,
        schedulers: 2,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [20, 200], "refuse": 0.005, "throttle": 0.0}),
    })
    .await?;
    let sending = Duration::from_secs(brief.choose(18, 450));
    let mut target = Target::new(brief.deliveries / 3, &[SMTP, TWILIO, META], sending);
    stage.suppress_duplicates().await?;
    target.wanted.certain.push(Channel::Email);
    let plan = plan(&mut brief.dice(), brief.choose(7, 50), sending, brief.long.then(|| brief.frozen()));
    let campaign = target.send(&stage.desk).await?;
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, nothing()).await?;
    conclude(stage, &campaign, &target, watched, &brief, |_, machines| vec![verdict::none_fell(machines)]).await
}

fn plan(dice: &mut Dice, kills: usize, sending: Duration, frozen: Option<Duration>) -> Plan {
    let mut plan = Plan::default();
    let victims = dice.rounds(&VICTIMS, kills);
    let acts = victims
        .into_iter()
        .filter_map(|replicas| Some(Act::Kill { name: (*dice.pick(replicas)?).to_owned(), down: dice.down() }))
        .collect();
    plan.scatter(dice, sending, acts);
    if let Some(frozen) = frozen {
        let at = dice.between(sending / 4, sending / 2);
        plan.freeze(at, "dispatcher-sms", frozen);
    }
    plan
}
