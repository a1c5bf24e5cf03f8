//! The rate limit of a sender over any 10 s, with three dispatchers that share it and one that is restarted.

use super::{Brief, TWILIO, Target, attack, conclude};
use crate::{
    canary::{self, Stalls},
    evidence::Evidence,
    monkey::{Act, Plan},
    report::Outcome,
    stage::{Setup, Stage},
    verdict::{self, Check},
};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

const PER_SECOND: usize = 50;
const WINDOW: time::Duration = time::Duration::seconds(10);
/// The longest ones that are told.
const SILENCES: usize = 6;
/// Of the limit, above and below.
const TOLERANCE: f64 = 0.05;

pub async fn play(brief: Brief) -> Result<Outcome> {
    let setup = Setup {
        dispatchers: 3,
        schedulers: 1,
        env: brief.lease_env(),
        behaviour: json!({"latency_ms": [5, 60], "refuse": 0.0, "throttle": 0.0}),
    };
    let mut stage = Stage::start(setup).await?;
    let sending = Duration::from_secs(brief.choose(25, 120));
    let people = PER_SECOND * usize::try_from(sending.as_secs())?;
    let target = Target::new(people, &[TWILIO], sending);
    let mut plan = Plan::default();
    let acts = brief.dice().rounds(&["dispatcher-sms", "dispatcher-sms-2", "dispatcher-sms-3"], brief.choose(1, 6));
    let acts = acts.into_iter().map(|name| Act::Restart { name: name.to_owned() }).collect();
    plan.scatter(&mut brief.dice(), sending, acts);
    let campaign = target.send(&stage.desk).await?;
    let canary = canary::watch(stage.machines.stack.database_url.clone(), sending);
    let (watched, stalls) = attack(&mut stage.machines, &stage.desk, &campaign, &target, &plan, &brief, canary).await?;
    let mut silences = Vec::new();
    let mut outcome = conclude(stage, &campaign, &target, watched, &brief, |evidence, machines| {
        silences = longest_silences(evidence);
        vec![
            verdict::none_fell(machines),
            Check::new(
                "never more than 5 % over the limit in any 10 s",
                beyond(evidence, |_, count, limit| count > limit * (1.0 + TOLERANCE)),
            ),
            Check::new(
                "never more than 5 % under it while work waits and the database takes commits",
                beyond(evidence, |from, count, limit| count < limit * (1.0 - TOLERANCE) - held_up(&stalls, from)),
            ),
            Check::new(
                "the windows are there to be looked at",
                windows(evidence).is_empty().then(|| "none".to_owned()).into_iter().collect(),
            ),
        ]
    })
    .await?;
    outcome.notes.push(format!("limit {PER_SECOND}/s, three dispatchers"));
    outcome.notes.push(stalls.in_words());
    outcome.notes.append(&mut silences);
    Ok(outcome)
}

/// For each message the count of those in the 10 s from it on, as far as work was waiting all that time.
fn windows(evidence: &Evidence) -> Vec<(OffsetDateTime, usize)> {
    let mut times: Vec<_> = evidence.arrived.iter().map(|message| message.at).collect();
    times.sort();
    let Some(last) = times.last().copied() else { return Vec::new() };
    let mut windows = Vec::new();
    for (first, from) in times.iter().enumerate() {
        if *from + WINDOW > last {
            break;
        }
        let end = times.partition_point(|time| *time < *from + WINDOW);
        windows.push((*from, end - first));
    }
    windows
}

/// What a fall below the limit would come from.
fn longest_silences(evidence: &Evidence) -> Vec<String> {
    let mut times: Vec<_> = evidence.arrived.iter().map(|message| message.at).collect();
    times.sort();
    let mut silences: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0], pair[0])).collect();
    silences.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    silences
        .iter()
        .take(SILENCES)
        .map(|(length, from)| format!("{} ms without a message from {from}", length.whole_milliseconds()))
        .collect()
}

/// Messages that could not leave in the window from then on, because nothing could be committed.
fn held_up(stalls: &Stalls, from: OffsetDateTime) -> f64 {
    stalls.within(from, from + WINDOW).as_secs_f64() * PER_SECOND as f64
}

fn beyond(evidence: &Evidence, is_beyond: impl Fn(OffsetDateTime, f64, f64) -> bool) -> Vec<String> {
    let limit = PER_SECOND as f64 * WINDOW.as_seconds_f64();
    let found = windows(evidence).into_iter().filter(|(from, count)| is_beyond(*from, *count as f64, limit));
    found.map(|(from, count)| format!("{count} in the 10 s from {from}, the limit is {limit}")).collect()
}
