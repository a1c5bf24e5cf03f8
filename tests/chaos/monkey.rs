//! The monkey: a plan of acts drawn from a seed, and the one who plays it.

use crate::{
    machines::Machines,
    scenario::{Acting, Brief},
};
use anyhow::Result;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::time::{Duration, Instant};

/// Long after everything has been played.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
/// A killed process is started again within this time.
const LONGEST_DOWN_MS: u64 = 1_500;

/// Something that is done to a process. What is killed comes back after `down`.
#[derive(Debug, Clone)]
pub enum Act {
    Kill {
        name: String,
        down: Duration,
    },
    Freeze {
        name: String,
    },
    Thaw {
        name: String,
    },
    /// Stopped politely, as a rollout does, and started again.
    Restart {
        name: String,
    },
    KillBroker {
        down: Duration,
    },
    LoseStreams,
    KillDatabase {
        down: Duration,
    },
    /// The disk of both servers is full for that long.
    FillDisk {
        time: Duration,
    },
}

impl Act {
    /// How it is counted.
    pub fn label(&self) -> String {
        let role = |name: &str| name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned();
        match self {
            Self::Kill { name, .. } => format!("kill {}", role(name)),
            Self::Freeze { name } => format!("freeze {}", role(name)),
            Self::Thaw { name } => format!("thaw {}", role(name)),
            Self::Restart { name } => format!("restart {}", role(name)),
            Self::KillBroker { .. } => "kill nats-server".to_owned(),
            Self::LoseStreams => "delete the streams".to_owned(),
            Self::KillDatabase { .. } => "kill postgres".to_owned(),
            Self::FillDisk { .. } => "fill the disk".to_owned(),
        }
    }
}

/// Acts and their moments, counted from the start of the sending.
#[derive(Debug, Default)]
pub struct Plan {
    acts: Vec<(Duration, Act)>,
}

impl Plan {
    pub fn add(&mut self, at: Duration, act: Act) {
        self.acts.push((at, act));
        self.acts.sort_by_key(|(at, _)| *at);
    }

    /// Freezes a process for that long.
    pub fn freeze(&mut self, at: Duration, name: &str, time: Duration) {
        self.add(at, Act::Freeze { name: name.to_owned() });
        self.add(at + time, Act::Thaw { name: name.to_owned() });
    }

    /// Spreads acts over a time, with gaps that differ.
    pub fn scatter(&mut self, dice: &mut Dice, over: Duration, acts: Vec<Act>) {
        let gap = over / (u32::try_from(acts.len()).unwrap_or(u32::MAX).saturating_add(1));
        let mut at = Duration::ZERO;
        for act in acts {
            at += gap.mul_f64(dice.0.random_range(0.4..1.6));
            self.add(at, act);
        }
    }
}

/// The one source of chance of a scenario.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// How long a killed process stays away.
    pub fn down(&mut self) -> Duration {
        Duration::from_millis(self.0.random_range(0..LONGEST_DOWN_MS))
    }

    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        self.0.random_range(low..high)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.0.random_range(0..from.len())) }
    }

    /// That many draws of `from`: each once before any comes a second time.
    pub fn rounds<T: Clone>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut drawn = Vec::new();
        while drawn.len() < count && !from.is_empty() {
            let mut round = from.to_vec();
            round.shuffle(&mut self.0);
            drawn.extend(round);
        }
        drawn.truncate(count);
        drawn
    }
}

/// Plays a plan and goes on looking after the processes; ends only by an error. After the last act, `acting` ends.
pub async fn play(machines: &mut Machines, plan: &Plan, acting: &Acting, brief: &Brief) -> Result<()> {
    for (_, act) in &plan.acts {
        *machines.planned.entry(act.label()).or_default() += 1;
    }
    let started = Instant::now();
    for (at, act) in &plan.acts {
        machines.keep_until(started + *at).await?;
        machines.perform(act).await?;
        brief.say(&act.label());
    }
    acting.ends();
    machines.keep_until(started + FOREVER).await
}
