//! The scenarios: set the stage, send a campaign, play the acts, compare.

mod budget;
mod callbacks;
mod clock;
mod disk;
mod people;
mod provider;
mod rate;
mod servers;
mod services;
mod stream;
mod zombie;

use crate::{
    evidence::Evidence,
    machines::Machines,
    monkey::{self, Dice, Plan},
    options::Options,
    report::Outcome,
    stage::Stage,
    verdict::{self, Check},
    watch::{self, Wanted, Watched},
};
use anyhow::Result;
use cli::{campaign::moves, hub::accounts};
use domain::Channel;
use e2e::{Campaign, Contact, Desk};
use proto::campaign::Settings;
use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// Left of the whole run's time for the verdict and for stopping.
const RESERVE: Duration = Duration::from_secs(15);

pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub play: fn(Brief) -> Play,
}

impl Scenario {
    /// Played with nothing beside it, and last: it judges by when things arrive, which a machine that plays others delays.
    pub fn needs_the_machine(&self) -> bool {
        self.name == "rate"
    }
}

type Play = Pin<Box<dyn Future<Output = Result<Outcome>>>>;

/// Those that take longest come first.
pub static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "services",
        about: "kill -9 of every service, two schedulers, two dispatchers a channel",
        play: |brief| Box::pin(services::play(brief)),
    },
    Scenario {
        name: "provider",
        about: "a provider that takes a message and then hangs, resets, answers 500, garbage or a byte a second; storms of 429",
        play: |brief| Box::pin(provider::play(brief)),
    },
    Scenario {
        name: "zombie",
        about: "dispatchers frozen for twice their lease, which wake up",
        play: |brief| Box::pin(zombie::play(brief)),
    },
    Scenario {
        name: "broker",
        about: "kill -9 of nats-server; its store deleted in the middle",
        play: |brief| Box::pin(servers::broker(brief)),
    },
    Scenario { name: "database", about: "PostgreSQL killed with all its children", play: |brief| Box::pin(servers::database(brief)) },
    Scenario { name: "stream", about: "the stream of facts full, because nobody reads it", play: |brief| Box::pin(stream::play(brief)) },
    Scenario {
        name: "disk",
        about: "the disk of PostgreSQL and nats-server full in the middle",
        play: |brief| Box::pin(disk::play(brief)),
    },
    Scenario {
        name: "callbacks",
        about: "callbacks five times, shuffled, before their own send was recorded, a day late, and for unknown ids",
        play: |brief| Box::pin(callbacks::play(brief)),
    },
    Scenario { name: "people", about: "pause, resume and opt-outs at random moments", play: |brief| Box::pin(people::pauses(brief)) },
    Scenario { name: "cancel", about: "opt-outs, and a cancel at a random moment", play: |brief| Box::pin(people::cancels(brief)) },
    Scenario {
        name: "budget",
        about: "a budget for half of the audience, with refusals, retries and a kill",
        play: |brief| Box::pin(budget::play(brief)),
    },
    Scenario { name: "rate", about: "the rate limit over any 10 s with three dispatchers", play: |brief| Box::pin(rate::play(brief)) },
    Scenario { name: "clock", about: "the clock stepped by an hour", play: |brief| Box::pin(clock::play(brief)) },
];

/// What a scenario is told.
#[derive(Debug, Clone)]
pub struct Brief {
    pub scenario: &'static str,
    /// Its own: the run's seed and its name.
    pub seed: u64,
    pub long: bool,
    /// Deliveries of the largest campaign of the run.
    pub deliveries: usize,
    pub deadline: Instant,
    started: Instant,
}

impl Brief {
    pub fn new(scenario: &'static str, options: &Options, seed: u64, started: Instant, deadline: Instant) -> Self {
        let name = scenario.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let deadline = deadline.checked_sub(RESERVE).unwrap_or(deadline);
        Self { scenario, seed: seed ^ (name << 20), long: options.is_long(), deliveries: options.deliveries(), deadline, started }
    }

    pub fn dice(&self) -> Dice {
        Dice::new(self.seed)
    }

    pub fn choose<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }

    /// Of a dispatcher. The short run has no time for the usual one.
    fn lease_seconds(&self) -> u64 {
        self.choose(5, 15)
    }

    /// What tells the dispatchers so, and to settle what is uncertain as soon as that lets them.
    pub fn lease_env(&self) -> Vec<(&'static str, String)> {
        let lease = self.lease_seconds();
        vec![("FANFARE_LEASE", lease.to_string()), ("FANFARE_SETTLE_AFTER", (lease + 10).to_string())]
    }

    /// A bit more than twice the lease: whoever was frozen for so long is dead to the others.
    pub fn frozen(&self) -> Duration {
        Duration::from_secs(2 * self.lease_seconds() + 1)
    }

    #[expect(clippy::print_stdout, reason = "progress")]
    pub fn say(&self, what: &str) {
        println!("{:6.1} s  {:<10} {what}", self.started.elapsed().as_secs_f64(), self.scenario);
    }
}

/// Who sends on a channel, by what its provider can do for us.
pub const SMTP: (Channel, &str) = (Channel::Email, accounts::SMTP);
pub const SENDGRID: (Channel, &str) = (Channel::Email, accounts::SENDGRID);
pub const TWILIO: (Channel, &str) = (Channel::Sms, accounts::TWILIO_SMS);
pub const META: (Channel, &str) = (Channel::Whatsapp, accounts::META);

/// A campaign to be attacked.
pub struct Target {
    pub people: usize,
    pub senders: Vec<(Channel, &'static str)>,
    /// In how much time it would be sent if nothing happened.
    pub sending: Duration,
    pub settings: Settings,
    pub wanted: Wanted,
}

impl Target {
    pub fn new(people: usize, senders: &[(Channel, &'static str)], sending: Duration) -> Self {
        let by = |sender| senders.iter().filter(|each| **each == sender).map(|(channel, _)| *channel).collect();
        let wanted = Wanted { status: "COMPLETED", certain: by(TWILIO), silent: by(SMTP), doubtful: false, unheard: 0 };
        Self { people, senders: senders.to_vec(), sending, settings: Settings::default(), wanted }
    }

    /// Imports the people, paces the senders and sends.
    pub async fn send(&self, desk: &Desk) -> Result<Campaign> {
        let people: Vec<_> = (0..self.people).map(Contact::numbered).collect();
        let list = desk.people(&people).await?;
        let pace = self.people as f64 / self.sending.as_secs_f64();
        for (_, sender) in &self.senders {
            desk.set_pace(sender, pace).await?;
        }
        let settings = Settings { list_ids: vec![list], ..self.settings.clone() };
        let campaign = desk.approved_with(&self.senders, settings).await?;
        moves::send(&desk.seeded.admin, campaign.id.clone()).await?;
        Ok(campaign)
    }
}

/// What is still being done to a campaign: the monkey's plan, and what goes on beside it.
pub struct Acting(AtomicUsize);

impl Acting {
    pub fn ends(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Plays a plan and what goes on `beside` it, and watches the campaign until nothing moves any more.
pub async fn attack<T>(
    machines: &mut Machines,
    desk: &Desk,
    campaign: &Campaign,
    target: &Target,
    plan: &Plan,
    brief: &Brief,
    beside: impl Future<Output = Result<T>>,
) -> Result<(Watched, T)> {
    let acting = Acting(AtomicUsize::new(2));
    let beside = async {
        let done = beside.await?;
        acting.ends();
        Ok(done)
    };
    let watch = watch::watch(desk, campaign, &target.wanted, &acting, brief);
    tokio::select! {
        stopped = monkey::play(machines, plan, &acting, brief) => Err(stopped.err().unwrap_or_else(|| anyhow::anyhow!("a day is over"))),
        both = async { tokio::try_join!(watch, beside) } => both,
    }
}

/// The usual end: what is known is judged, logs of what failed are kept, everything is stopped.
pub async fn conclude(
    stage: Stage,
    campaign: &Campaign,
    target: &Target,
    watched: Watched,
    brief: &Brief,
    more: impl FnOnce(&Evidence, &Machines) -> Vec<Check>,
) -> Result<Outcome> {
    let evidence = Evidence::gather(&stage, campaign, target.people, watched).await?;
    let (counts, mut checks) = verdict::judge(&evidence, &target.wanted, &stage.machines);
    checks.extend(more(&evidence, &stage.machines));
    let mut outcome = Outcome::new(brief.scenario, &evidence, &stage.machines, counts, checks);
    if outcome.faults().next().is_some() {
        outcome.notes.push(format!("the logs of its processes are in {}", stage.keep_logs(brief.scenario)?.display()));
    }
    stage.stop().await?;
    Ok(outcome)
}

pub async fn nothing() -> Result<()> {
    Ok(())
}
