//! A model of one delivery's life, searched exhaustively: two workers that crash, freeze and come back, a network that loses requests and
//! answers, a provider that reports late, and people that send again what is unknown. With every rule there is no way to a duplicate;
//! without any one of them there is.
//!
//! Three things are taken as given. Looking at the lease and handing over the request are one step: a process that is frozen just between
//! them for longer than all waiting times can't be fenced by anybody but the provider. A provider with `lookup` finds what it has taken.
//! One with `idempotent` takes a key once.

use std::collections::{HashMap, VecDeque};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capability {
    Idempotent,
    Lookup,
    None,
}

/// Each is a line of SQL or of code somewhere; off means that it is missing.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// The gate claims only what is `queued`.
    claims_only_queued: bool,
    /// The gate locks what it claims until it has marked it.
    locks_rows: bool,
    /// An outcome counts only from the worker and for the try that the row names.
    fences_records: bool,
    /// A worker sends nothing that it has held for longer than its lease.
    checks_lease: bool,
    /// What is uncertain is not queued again without a word of the provider's.
    settles_by_proof: bool,
    /// The provider is asked only when no request can be under way any more.
    lookup_waits: bool,
    /// A try is repeated only when it was provably not taken.
    retries_only_refused: bool,
    /// The gate looks for a positive report before a retry.
    heeds_reports: bool,
}

const ALL: Rules = Rules {
    claims_only_queued: true,
    locks_rows: true,
    fences_records: true,
    checks_lease: true,
    settles_by_proof: true,
    lookup_waits: true,
    retries_only_refused: true,
    heeds_reports: true,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    Queued,
    Sending,
    Accepted,
    RetryWait,
    Uncertain,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Said {
    Accepted,
    Refused,
    Unsure,
    NotSent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Task {
    Idle,
    /// Has read that it may claim, and not written yet: only without the lock.
    Saw,
    Holds {
        attempt: u8,
        /// For longer than its lease.
        stale: bool,
    },
    /// Has handed a request to the network.
    Called {
        attempt: u8,
        wire: Wire,
    },
    Knows {
        attempt: u8,
        said: Said,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wire {
    UnderWay,
    Taken,
    Refused,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Worker {
    frozen: bool,
    task: Task,
}

/// The holder of a row whose process is dead: nobody has its id any more.
const NOBODY: usize = 2;
const MOST_ATTEMPTS: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    row: Row,
    attempt: u8,
    holder: usize,
    workers: [Worker; 2],
    /// Requests under way that nobody waits for any more.
    orphans: u8,
    /// How often the provider took it.
    taken: u8,
    /// How often it may have been taken: once, and once more for each time that a person sent it again not knowing.
    allowed: u8,
    report_due: bool,
    reported: bool,
    by_person: bool,
}

const START: World = World {
    row: Row::Queued,
    attempt: 0,
    holder: NOBODY,
    workers: [Worker { frozen: false, task: Task::Idle }; 2],
    orphans: 0,
    taken: 0,
    allowed: 1,
    report_due: false,
    reported: false,
    by_person: false,
};

type Step = (&'static str, World);

impl World {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn is_under_way(&self) -> bool {
        self.orphans > 0 || self.workers.iter().any(|worker| matches!(worker.task, Task::Called { wire: Wire::UnderWay, .. }))
    }

    fn take(&mut self, capability: Capability) {
        if capability != Capability::Idempotent || self.taken == 0 {
            self.taken += 1;
        }
        self.report_due = true;
    }

    fn claim(&mut self, w: usize, rules: Rules) {
        if rules.heeds_reports && self.attempt > 0 && self.reported {
            self.row = Row::Accepted;
            self.workers[w].task = Task::Idle;
            return;
        }
        if self.by_person && !self.reported {
            self.allowed += 1;
        }
        self.by_person = false;
        self.attempt += 1;
        (self.row, self.holder) = (Row::Sending, w);
        self.workers[w].task = Task::Holds { attempt: self.attempt, stale: false };
    }

    fn record(&mut self, w: usize, attempt: u8, said: Said, rules: Rules) {
        self.workers[w].task = Task::Idle;
        let is_last_try = self.holder == w && self.attempt == attempt;
        // What a worker knows of the last try is true, so it counts late as well.
        let counts = match self.row {
            Row::Sending | Row::Uncertain => true,
            Row::Unknown => said != Said::Unsure,
            Row::Queued | Row::RetryWait => said == Said::Accepted,
            Row::Accepted => false,
        };
        if rules.fences_records && !(is_last_try && counts) {
            return;
        }
        self.row = match said {
            Said::Accepted => Row::Accepted,
            Said::Refused | Said::NotSent => Row::RetryWait,
            Said::Unsure if rules.retries_only_refused => Row::Uncertain,
            Said::Unsure => Row::RetryWait,
        };
    }

    /// All that can happen next.
    fn next(self, rules: Rules, capability: Capability) -> Vec<Step> {
        let mut steps = self.around(rules, capability);
        for w in 0..2 {
            if !self.workers[w].frozen {
                self.working(w, rules, capability, &mut steps);
            }
            self.failing(w, &mut steps);
        }
        steps
    }

    /// What one worker may do next.
    fn working(self, w: usize, rules: Rules, capability: Capability, steps: &mut Vec<Step>) {
        let set = |task| self.with(|world| world.workers[w].task = task);
        match self.workers[w].task {
            Task::Idle => {
                let claimable = self.row == Row::Queued || (!rules.claims_only_queued && !matches!(self.row, Row::Accepted | Row::Unknown));
                if claimable && self.attempt < MOST_ATTEMPTS {
                    steps.push(if rules.locks_rows {
                        ("claim", self.with(|world| world.claim(w, rules)))
                    } else {
                        ("read that it waits", set(Task::Saw))
                    });
                }
            }
            Task::Saw if self.attempt < MOST_ATTEMPTS => steps.push(("claim what was read", self.with(|world| world.claim(w, rules)))),
            Task::Saw => steps.push(("give up", set(Task::Idle))),
            Task::Holds { attempt, stale: true } if rules.checks_lease => {
                steps.push(("not send, the lease is over", set(Task::Knows { attempt, said: Said::NotSent })));
            }
            Task::Holds { attempt, .. } => steps.push(("hand over", set(Task::Called { attempt, wire: Wire::UnderWay }))),
            Task::Called { attempt, wire } => self.answer(w, attempt, wire, capability, steps),
            Task::Knows { attempt, said } => steps.push(("record", self.with(|world| world.record(w, attempt, said, rules)))),
        }
    }

    /// What the answer to a request may be.
    fn answer(self, w: usize, attempt: u8, wire: Wire, capability: Capability, steps: &mut Vec<Step>) {
        let knows = |said| self.with(|world| world.workers[w].task = Task::Knows { attempt, said });
        let unsure = knows(Said::Unsure);
        match wire {
            Wire::UnderWay => {
                steps.push(("time out, the request still under way", unsure.with(|world| world.orphans += 1)));
                self.provider(w, attempt, capability, steps);
            }
            Wire::Taken => steps.extend([("hear yes", knows(Said::Accepted)), ("yes is lost", unsure)]),
            Wire::Refused => steps.extend([("hear no", knows(Said::Refused)), ("no is lost", unsure)]),
            Wire::Lost => steps.push(("time out", unsure)),
        }
    }

    fn provider(self, w: usize, attempt: u8, capability: Capability, steps: &mut Vec<Step>) {
        let wire = |wire| self.with(|world| world.workers[w].task = Task::Called { attempt, wire });
        steps.push(("provider takes it", wire(Wire::Taken).with(|world| world.take(capability))));
        steps.push(("provider refuses it", wire(Wire::Refused)));
        steps.push(("request is lost", wire(Wire::Lost)));
    }

    /// What may befall one worker; its request may go its way meanwhile.
    fn failing(self, w: usize, steps: &mut Vec<Step>) {
        let worker = self.workers[w];
        if worker.frozen {
            steps.push(("thaw", self.with(|world| world.workers[w].frozen = false)));
        } else {
            let frozen = self.with(|world| {
                world.workers[w].frozen = true;
                if let Task::Holds { stale, .. } = &mut world.workers[w].task {
                    *stale = true;
                }
            });
            steps.push(("freeze", frozen));
        }
        if worker.task != Task::Idle {
            let crashed = self.with(|world| {
                if matches!(worker.task, Task::Called { wire: Wire::UnderWay, .. }) {
                    world.orphans += 1;
                }
                if world.holder == w {
                    world.holder = NOBODY;
                }
                world.workers[w] = Worker { frozen: false, task: Task::Idle };
            });
            steps.push(("crash, and a new process", crashed));
        }
    }

    /// What the house, the scheduler, people, the provider and the network may do.
    fn around(self, rules: Rules, capability: Capability) -> Vec<Step> {
        let mut steps = Vec::new();
        let row = |row| self.with(|world| world.row = row);
        let is_dead = self.holder == NOBODY || self.workers[self.holder].frozen;
        match self.row {
            Row::Sending if is_dead => steps.push(("declare uncertain", row(Row::Uncertain))),
            Row::RetryWait => steps.push(("wake", row(Row::Queued))),
            Row::Uncertain if self.reported => steps.push(("settle by report", row(Row::Accepted))),
            Row::Uncertain => self.settle(rules, capability, &mut steps),
            Row::Unknown if self.reported => steps.push(("settle by report", row(Row::Accepted))),
            // A day later: nothing is under way any more.
            Row::Unknown if !self.is_under_way() => {
                steps.push(("a person sends it again", row(Row::Queued).with(|world| world.by_person = true)));
            }
            _ => {}
        }
        if self.report_due {
            steps.push(("report", self.with(|world| (world.report_due, world.reported) = (false, true))));
        }
        if self.orphans > 0 {
            let landed = self.with(|world| world.orphans -= 1);
            steps.extend([("a late request is taken", landed.with(|world| world.take(capability))), ("a late request is lost", landed)]);
        }
        steps
    }

    fn settle(self, rules: Rules, capability: Capability, steps: &mut Vec<Step>) {
        let row = |row| self.with(|world| world.row = row);
        if !rules.settles_by_proof {
            steps.push(("retry blindly", row(Row::RetryWait)));
        }
        match capability {
            Capability::Idempotent => steps.push(("retry with the same key", row(Row::RetryWait))),
            Capability::Lookup if rules.lookup_waits && self.is_under_way() => {}
            Capability::Lookup if self.taken > 0 => steps.push(("found", row(Row::Accepted))),
            Capability::Lookup => steps.push(("not found", row(Row::RetryWait))),
            Capability::None => steps.push(("give up", row(Row::Unknown))),
        }
    }
}

/// The shortest way to a duplicate, and how many worlds were seen.
fn search(rules: Rules, capability: Capability) -> (Option<Vec<&'static str>>, usize) {
    let mut came_from: HashMap<World, Option<(World, &'static str)>> = HashMap::from([(START, None)]);
    let mut open = VecDeque::from([START]);
    while let Some(world) = open.pop_front() {
        if world.taken > world.allowed {
            let mut path = Vec::new();
            let mut at = world;
            while let Some((before, step)) = came_from[&at] {
                path.push(step);
                at = before;
            }
            path.reverse();
            return (Some(path), came_from.len());
        }
        for (step, next) in world.next(rules, capability) {
            came_from.entry(next).or_insert_with(|| {
                open.push_back(next);
                Some((world, step))
            });
        }
    }
    (None, came_from.len())
}

const CAPABILITIES: [Capability; 3] = [Capability::Idempotent, Capability::Lookup, Capability::None];

#[test]
fn with_every_rule_there_is_no_way_to_a_duplicate() {
    for capability in CAPABILITIES {
        let (path, worlds) = search(ALL, capability);
        assert_eq!(path, None, "{capability:?}");
        assert!(worlds > 10_000, "{capability:?}: the model does too little: {worlds}");
    }
}

#[test]
fn without_any_one_rule_there_is_a_way_to_a_duplicate() {
    let broken = [
        ("claims only what is queued", Rules { claims_only_queued: false, ..ALL }),
        ("locks what it claims", Rules { locks_rows: false, ..ALL }),
        ("fences records by worker and try", Rules { fences_records: false, ..ALL }),
        ("checks the lease before sending", Rules { checks_lease: false, ..ALL }),
        ("settles by proof only", Rules { settles_by_proof: false, ..ALL }),
        ("asks the provider when nothing is under way", Rules { lookup_waits: false, ..ALL }),
        ("retries only what was refused", Rules { retries_only_refused: false, ..ALL }),
        ("heeds positive reports", Rules { heeds_reports: false, ..ALL }),
    ];
    for (name, rules) in broken {
        let found = CAPABILITIES.into_iter().find_map(|capability| search(rules, capability).0.map(|path| (capability, path)));
        let Some((capability, path)) = found else { panic!("the rule {name:?} is never needed: the model does too little") };
        println!("without {name:?}, {capability:?}: {}", path.join(" → "));
    }
}
