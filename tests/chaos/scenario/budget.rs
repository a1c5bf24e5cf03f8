//! A campaign whose budget is not enough: it stops itself before it passes it, whatever is refused, retried or killed meanwhile.

use super::{Brief, TWILIO, Target, attack, conclude};
use crate::{
    evidence::Evidence,
    monkey::{Act, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict::{self, Check},
};
use anyhow::{Result, bail};
use e2e::{Campaign, Desk};
use proto::campaign::CancelCampaignRequest;
use serde_json::json;
use std::time::{Duration, Instant};

/// What the local hub's SMS sender costs a message.
const PRICE_MICROS: i64 = 7_900;
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub async fn play(brief: Brief) -> Result<Outcome> {
    let setup = Setup {
        dispatchers: 2,
        schedulers: 2,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [20, 150], "refuse": 0.02, "throttle": 0.02, "reset": 0.02, "stop": 0.0}),
    };
    let mut stage = Stage::start(setup).await?;
    let sending = Duration::from_secs(brief.choose(15, 60));
    let mut target = Target::new(brief.deliveries / brief.choose(6, 20), &[TWILIO], sending);
    // Enough for half of them, and a bit that is not enough for another one.
    let affordable = i64::try_from(target.people / 2)?;
    let budget_micros = PRICE_MICROS * affordable + PRICE_MICROS / 2;
    target.settings.budget_micros = budget_micros;
    target.wanted.status = "CANCELLED";
    // What is refused as its worker dies waits for another try, and then for a budget that is used up.
    target.wanted.unheard = 5;
    let mut plan = Plan::default();
    let mut dice = brief.dice();
    let kill = Act::Kill { name: "dispatcher-sms-2".to_owned(), down: dice.down() };
    plan.add(dice.between(sending / 8, sending / 3), kill);
    let campaign = target.send(&stage.desk).await?;
    let ends = ends(&stage.desk, &campaign, &brief);
    let (watched, ()) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, ends).await?;
    conclude(stage, &campaign, &target, watched, &brief, |evidence, machines| {
        vec![
            verdict::none_fell(machines),
            Check::new("what arrived cost no more than the budget", over(evidence, budget_micros)),
            Check::new("the budget was used", unused(evidence, affordable)),
        ]
    })
    .await
}

/// Waits until the campaign has paused itself, then cancels it.
async fn ends(desk: &Desk, campaign: &Campaign, brief: &Brief) -> Result<()> {
    while Instant::now() < brief.deadline {
        let status = desk.stats(campaign).await.map(|stats| stats.campaign_status).unwrap_or_default();
        if status == "PAUSED" {
            let request = CancelCampaignRequest { id: campaign.id.clone(), reason: "the budget is used up".to_owned() };
            desk.seeded.admin.campaigns().cancel_campaign(request).await?;
            return Ok(());
        }
        if status == "COMPLETED" {
            // There is nothing left to cancel; the verdict says what it cost.
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("the campaign neither paused itself nor ended")
}

fn cost_micros(evidence: &Evidence) -> i64 {
    PRICE_MICROS.saturating_mul(i64::try_from(evidence.arrived.len()).unwrap_or(i64::MAX))
}

fn over(evidence: &Evidence, budget_micros: i64) -> Vec<String> {
    let cost = cost_micros(evidence);
    if cost > budget_micros { vec![format!("{} messages cost {cost} of {budget_micros}", evidence.arrived.len())] } else { Vec::new() }
}

/// What is left uncertain keeps its share.
fn unused(evidence: &Evidence, affordable: i64) -> Vec<String> {
    let arrived = i64::try_from(evidence.arrived.len()).unwrap_or(i64::MAX);
    if arrived * 100 < affordable * 95 { vec![format!("only {arrived} of {affordable} affordable messages arrived")] } else { Vec::new() }
}
