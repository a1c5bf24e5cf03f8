//! People who change their mind: pause, resume, cancel and opt-outs at random moments. Nothing leaves later than a second after the
//! answer to any of them.

use super::{Brief, META, SENDGRID, TWILIO, Target, attack, conclude};
use crate::{
    evidence::Evidence,
    monkey::{Dice, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict::{self, Check},
};
use anyhow::Result;
use cli::campaign::moves;
use e2e::{Campaign, Contact, Desk};
use proto::{
    campaign::CancelCampaignRequest,
    optout::{AddOptOutsRequest, OptOut},
};
use serde_json::json;
use std::{ops::Range, time::Duration};
use time::OffsetDateTime;

/// How long after the answer something may still leave.
const PROMISE: time::Duration = time::Duration::SECOND;

/// What people did, by the clock that the sandbox stamps with.
#[derive(Debug, Default)]
struct Diary {
    /// From the answer to a pause to the call of the resume.
    pauses: Vec<Range<OffsetDateTime>>,
    /// Addresses and the answer to their opt-out.
    opt_outs: Vec<(String, OffsetDateTime)>,
    cancelled_at: Option<OffsetDateTime>,
}

pub async fn pauses(brief: Brief) -> Result<Outcome> {
    play(brief, "COMPLETED").await
}

pub async fn cancels(brief: Brief) -> Result<Outcome> {
    play(brief, "CANCELLED").await
}

async fn play(brief: Brief, status: &'static str) -> Result<Outcome> {
    let setup = Setup {
        dispatchers: 2,
        schedulers: 2,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [20, 150], "refuse": 0.0, "stop": 0.03}),
    };
    let mut stage = Stage::start(setup).await?;
    let sending = Duration::from_secs(brief.choose(15, 120));
    let mut target = Target::new(brief.deliveries / brief.choose(6, 15), &[SENDGRID, TWILIO, META], sending);
    target.wanted.status = status;
    let campaign = target.send(&stage.desk).await?;
    let acts = act(&stage.desk, &campaign, &target, &brief, status == "CANCELLED");
    let (watched, diary) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &Plan::default(), &brief, acts).await?;
    for (act, count) in [("pause", diary.pauses.len()), ("opt-out", diary.opt_outs.len()), ("cancel", diary.cancelled_at.iter().len())] {
        stage.machines.count_more(act, count as u64);
    }
    conclude(stage, &campaign, &target, watched, &brief, |evidence, machines| {
        vec![
            verdict::none_fell(machines),
            Check::new("nothing leaves later than 1 s after a pause or a cancel", diary.while_stopped(evidence)),
            Check::new("nobody gets anything later than 1 s after their opt-out", diary.after_opt_out(evidence)),
        ]
    })
    .await
}

/// Opt-outs all the time, and pauses, or one cancel, in between.
async fn act(desk: &Desk, campaign: &Campaign, target: &Target, brief: &Brief, cancel: bool) -> Result<Diary> {
    let mut dice = brief.dice();
    let mut diary = Diary::default();
    let rounds = brief.choose(4, 20);
    let round = target.sending / rounds;
    let last = if cancel { dice.between(round, target.sending * 2 / 3) } else { target.sending };
    for _ in 0..rounds {
        for _ in 0..3 {
            tokio::time::sleep(dice.between(round / 6, round / 3)).await;
            opt_out(desk, &mut dice, target.people, &mut diary).await?;
        }
        if cancel && round * (diary.opt_outs.len() as u32 / 6) >= last {
            break;
        }
        if !cancel {
            moves::pause(&desk.seeded.admin, campaign.id.clone()).await?;
            let from = OffsetDateTime::now_utc();
            tokio::time::sleep(dice.between(Duration::from_millis(1_200), Duration::from_millis(2_500))).await;
            diary.pauses.push(from..OffsetDateTime::now_utc());
            moves::resume(&desk.seeded.admin, campaign.id.clone()).await?;
        }
    }
    if cancel {
        let request = CancelCampaignRequest { id: campaign.id.clone(), reason: "chaos".to_owned() };
        desk.seeded.admin.campaigns().cancel_campaign(request).await?;
        diary.cancelled_at = Some(OffsetDateTime::now_utc());
    }
    Ok(diary)
}

/// Two people opt out, one by e-mail and one by phone.
async fn opt_out(desk: &Desk, dice: &mut Dice, people: usize, diary: &mut Diary) -> Result<()> {
    let everybody: Vec<usize> = (0..people).collect();
    let mut addresses = Vec::new();
    for by_phone in [true, false] {
        let Some(person) = dice.pick(&everybody) else { continue };
        let Contact { email, phone } = Contact::numbered(*person);
        addresses.push(if by_phone { phone } else { email });
    }
    let opt_outs = addresses.iter().map(|address| OptOut { address: address.clone(), ..OptOut::default() }).collect();
    desk.seeded.agent.opt_outs().add_opt_outs(AddOptOutsRequest { opt_outs }).await?;
    let now = OffsetDateTime::now_utc();
    diary.opt_outs.extend(addresses.into_iter().map(|address| (address, now)));
    Ok(())
}

impl Diary {
    fn while_stopped(&self, evidence: &Evidence) -> Vec<String> {
        let stops = self.pauses.iter().cloned().chain(self.cancelled_at.map(|at| at..at + time::Duration::DAY));
        stops
            .flat_map(|stop| {
                let late = evidence.arrived.iter().filter(move |message| message.at > stop.start + PROMISE && message.at < stop.end);
                late.map(move |message| format!("{} {} left {} after the stop", message.channel, message.to, message.at - stop.start))
            })
            .collect()
    }

    fn after_opt_out(&self, evidence: &Evidence) -> Vec<String> {
        let opted_out = |to: &str| self.opt_outs.iter().filter(move |(address, _)| address == to).map(|(_, at)| *at).min();
        let late = |message: &&crate::oracle::Arrived| opted_out(&message.to).is_some_and(|at| message.at > at + PROMISE);
        evidence
            .arrived
            .iter()
            .filter(late)
            .map(|message| format!("{} {} got something at {}", message.channel, message.to, message.at))
            .collect()
    }
}
