//! Watches a campaign's figures while things are killed, until nothing moves any more: the sum must hold at every look.

use crate::{
    oracle::Oracle,
    scenario::{Acting, Brief},
};
use anyhow::Result;
use cli::{campaign::recount, demo::settle, hub::sandbox::Figures, output::channel_name};
use domain::Channel;
use e2e::{Campaign, Desk, accounted_for};
use proto::{
    analytics::{CampaignStats, ChannelStats},
    convert::channel,
};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(250);
const TELL_EVERY: Duration = Duration::from_secs(10);
/// After the last act, what has not moved for so long won't. Longer than anything stands still that is to move again: a sender's breaker
/// that opens twice (30 s, a probe of up to 15 s, 60 s), and a job that the broker lost, which is published again after 120 s.
const STUCK_AFTER: Duration = Duration::from_secs(150);
/// A service that is down must not hold the watcher up.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Faults of one kind that are kept.
const KEPT: usize = 20;

/// What a campaign must come to.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub status: &'static str,
    /// Channels whose sender lets the hub find out what became of every message.
    pub certain: Vec<Channel>,
    /// Channels whose provider reports nothing about what it took.
    pub silent: Vec<Channel>,
    /// Whether the provider's own answers leave doubt, beside what is killed.
    pub doubtful: bool,
    /// The most refusals that may have died with the worker that was told: the provider counts them, and the hub tries again.
    pub unheard: u64,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Watched {
    pub looks: u64,
    /// When the sum didn't hold.
    pub broken_sums: Vec<String>,
    pub last: CampaignStats,
    pub figures: Figures,
    /// What was still open or differed when nothing moved any more, or the time was over.
    pub unsettled: Option<String>,
    /// From the first look until nothing was pending.
    pub sent_in: Option<Duration>,
}

/// Watches until it has come to what is wanted, or is stuck.
pub async fn watch(desk: &Desk, campaign: &Campaign, wanted: &Wanted, acting: &Acting, brief: &Brief) -> Result<Watched> {
    let started = Instant::now();
    let (mut moved, mut told) = (started, started);
    let mut seen = Watched::default();
    loop {
        let unsettled = match tokio::time::timeout(ANSWER_WITHIN, desk.stats(campaign)).await {
            Ok(Ok(stats)) => {
                seen.looks += 1;
                seen.check_sums(&stats);
                let stats = CampaignStats { as_of: None, ..stats };
                if stats != seen.last {
                    (moved, seen.last) = (Instant::now(), stats);
                }
                if seen.sent_in.is_none() && !seen.last.channels.is_empty() && seen.last.channels.iter().all(has_left) {
                    seen.sent_in = Some(started.elapsed());
                }
                seen.unsettled(desk, campaign, wanted).await
            }
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("analytics doesn't answer".to_owned()),
        };
        if !acting.is_over() {
            moved = Instant::now();
        }
        let is_settled = acting.is_over() && unsettled.is_none();
        if is_settled || moved.elapsed() > STUCK_AFTER || Instant::now() > brief.deadline {
            let still_s = moved.elapsed().as_secs();
            seen.unsettled = unsettled.map(|what| format!("{}; nothing has moved for {still_s} s", progress(&seen.last, Some(&what))));
            return Ok(seen);
        }
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            brief.say(&progress(&seen.last, unsettled.as_deref()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn has_left(part: &ChannelStats) -> bool {
    part.target > 0 && part.pending == 0
}

fn progress(stats: &CampaignStats, unsettled: Option<&str>) -> String {
    let part = |part: &ChannelStats| {
        let ChannelStats { target, sent, pending, uncertain, unknown, .. } = part;
        format!("{}: {sent} of {target} sent, {pending} pending, {uncertain} uncertain, {unknown} unknown", channel_name(part.channel))
    };
    stats.channels.iter().map(part).chain(unsettled.map(str::to_owned)).collect::<Vec<_>>().join("; ")
}

impl Watched {
    fn check_sums(&mut self, stats: &CampaignStats) {
        for part in stats.channels.iter().filter(|part| !accounted_for(part)) {
            if self.broken_sums.len() < KEPT {
                self.broken_sums.push(format!("{part:?}"));
            }
        }
    }

    /// The hub's figures, with what it can't know taken from the provider's own: any part of what is uncertain or unknown may have been
    /// sent where the provider reports nothing, and refusals may have gone unheard.
    fn as_far_as_known(&self, wanted: &Wanted) -> CampaignStats {
        let mut stats = self.last.clone();
        for part in &mut stats.channels {
            let Some(channel) = channel(part.channel) else { continue };
            let told = self.figures.channel(channel);
            part.failed = told.failed.clamp(part.failed, part.failed + wanted.unheard);
            if wanted.silent.contains(&channel) {
                part.sent = told.sent.clamp(part.sent, part.sent + part.uncertain + part.unknown);
            }
        }
        stats
    }

    /// What is still to come, or doesn't agree.
    async fn unsettled(&mut self, desk: &Desk, campaign: &Campaign, wanted: &Wanted) -> Option<String> {
        if self.last.campaign_status != wanted.status {
            return Some(format!("the campaign is {}", self.last.campaign_status));
        }
        for part in &self.last.channels {
            let Some(channel) = channel(part.channel) else { continue };
            if part.pending > 0 {
                return Some(format!("{channel}: {} pending", part.pending));
            }
            if wanted.certain.contains(&channel) && part.uncertain > 0 {
                return Some(format!("{channel}: {} uncertain", part.uncertain));
            }
        }
        match desk.sandbox().figures().await {
            Ok(figures) => self.figures = figures,
            Err(error) => return Some(format!("{error:#}")),
        }
        if self.figures.pending > 0 {
            return Some(format!("{} callbacks are to come", self.figures.pending));
        }
        let differences = settle::differences(&self.as_far_as_known(wanted), &self.figures);
        if !differences.is_empty() {
            return Some(differences.join("; "));
        }
        match recount::recount(&desk.seeded.agent, campaign.id.clone()).await {
            Ok(answer) if answer.equal => None,
            Ok(_) => Some("a recount gives other figures".to_owned()),
            Err(error) => Some(format!("{error:#}")),
        }
    }
}

/// The oracle of a desk's sandbox.
pub fn oracle(stage: &crate::stage::Stage) -> Result<Oracle> {
    Oracle::new(&stage.machines.hub.addresses.sandbox)
}
