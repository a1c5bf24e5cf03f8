//! The same lives as in [`crate::model`], played at random against the real statements in PostgreSQL, with a provider that counts what it
//! took. Each delivery of a run lives its own; a few hundred of them in all, from fixed seeds.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State, facts::Bits};
use std::{collections::BTreeMap, time::Duration};
use store::{
    job,
    record::{self, Tried},
    settle::{self, Change, Due, NOT_FOUND},
};

const LEASE: Duration = Duration::from_secs(15);
const SETTLE_AFTER: Duration = Duration::ZERO;
const PRICE: i64 = 7;
const DELIVERIES: u32 = 50;
const STEPS: u32 = 300;

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// What the sender's provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capability {
    Idempotent,
    Lookup,
    None,
}

struct Held {
    id: DeliveryId,
    attempt: u32,
    /// Held for longer than its lease: not to be sent.
    stale: bool,
}

struct Process {
    id: WorkerId,
    frozen: bool,
    held: Vec<Held>,
    /// What it knows and has not recorded yet.
    known: Vec<Tried>,
}

struct Play {
    world: World,
    campaign: Campaign,
    ids: Vec<i64>,
    dice: Dice,
    capability: Capability,
    processes: Vec<Process>,
    /// How often the provider took each delivery, and whether that was reported.
    taken: BTreeMap<i64, (u32, bool)>,
}

impl Play {
    async fn new(seed: u64, capability: Capability) -> Self {
        let world = World::new().await;
        let campaign = world.campaign(DELIVERIES, 1e6).await;
        for sql in [
            format!("UPDATE send.run_channel SET price_micros = {PRICE}"),
            // Enough for most of them: at the end it runs out.
            format!("UPDATE core.campaign SET budget_micros = {}", PRICE * i64::from(DELIVERIES - 5)),
            format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 hour')", campaign.sender),
        ] {
            world.execute(sql).await;
        }
        world.expand(campaign, 100).await;
        let ids = world.delivery_ids(campaign).await;
        let mut play = Self { world, campaign, ids, dice: Dice(seed), capability, processes: Vec::new(), taken: BTreeMap::new() };
        for _ in 0..3 {
            let process = play.start().await;
            play.processes.push(process);
        }
        play
    }

    async fn start(&self) -> Process {
        let process = Process { id: WorkerId::new(), frozen: false, held: Vec::new(), known: Vec::new() };
        self.beat(process.id).await;
        process
    }

    async fn beat(&self, worker: WorkerId) {
        let mut connection = self.world.db.acquire().await.unwrap();
        record::heartbeat(&mut connection, worker, Channel::Sms).await.unwrap();
    }

    async fn lose(&self, worker: WorkerId) {
        self.world.execute(format!("UPDATE send.worker SET seen_at = now() - interval '16 seconds' WHERE worker_id = '{worker}'")).await;
    }

    async fn step(&mut self) {
        let w = self.dice.roll(self.processes.len());
        if self.processes[w].frozen && self.dice.roll(6) == 0 {
            return self.thaw(w).await;
        }
        match self.dice.roll(16) {
            0..=3 => self.claim(w).await,
            4..=8 => self.send(w),
            9..=11 => self.record(w).await,
            12 => self.fail(w).await,
            13 => self.release().await,
            14 => self.report_and_settle().await,
            _ => self.wake().await,
        }
    }

    async fn claim(&mut self, w: usize) {
        if self.processes[w].frozen {
            return;
        }
        let from = self.dice.roll(self.ids.len());
        let some: Vec<i64> = self.ids.iter().cycle().skip(from).take(12).copied().collect();
        let limit = 1 + self.dice.roll(8) as u32;
        let answer = self.world.pass(self.campaign, self.processes[w].id, &some, limit).await;
        let held = answer.claimed.iter().map(|claimed| Held { id: claimed.delivery_id, attempt: claimed.attempt, stale: false });
        self.processes[w].held.extend(held);
    }

    /// Hands over what the process holds; the provider and the network do as they like.
    fn send(&mut self, w: usize) {
        if self.processes[w].frozen {
            return;
        }
        for Held { id, attempt, stale } in std::mem::take(&mut self.processes[w].held) {
            let state = if stale {
                State::RetryWait
            } else {
                match self.dice.roll(8) {
                    0..=3 => {
                        self.take(id);
                        State::Accepted
                    }
                    4 => {
                        self.take(id);
                        State::Uncertain
                    }
                    5 => State::Uncertain,
                    // One that drops what it has doesn't refuse it either.
                    6 | 7 if self.taken_of(id.0) > 0 => State::Accepted,
                    6 => State::RetryWait,
                    _ => State::Rejected,
                }
            };
            self.processes[w].known.push(Tried {
                next_attempt_at: (state == State::RetryWait).then(now),
                settle_at: (state == State::Uncertain).then(now),
                ..Tried::new(id, attempt, state)
            });
        }
    }

    fn take(&mut self, id: DeliveryId) {
        let (taken, _) = self.taken.entry(id.0).or_default();
        if self.capability != Capability::Idempotent || *taken == 0 {
            *taken += 1;
        }
    }

    fn taken_of(&self, id: i64) -> u32 {
        self.taken.get(&id).map_or(0, |(taken, _)| *taken)
    }

    async fn record(&mut self, w: usize) {
        if self.processes[w].frozen {
            return;
        }
        let known = std::mem::take(&mut self.processes[w].known);
        let mut tx = self.world.db.begin().await.unwrap();
        record::record(&mut tx, self.processes[w].id, &known, now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn fail(&mut self, w: usize) {
        if self.processes[w].frozen {
            return;
        }
        self.lose(self.processes[w].id).await;
        if self.dice.roll(3) == 0 {
            // Crashed, perhaps with a request under way; another process takes its place.
            if self.dice.roll(2) == 0 && !self.processes[w].held.is_empty() {
                let under_way = self.processes[w].held.remove(0);
                if !under_way.stale {
                    self.take(under_way.id);
                }
            }
            self.processes[w] = self.start().await;
        } else {
            self.processes[w].frozen = true;
            self.processes[w].held.iter_mut().for_each(|held| held.stale = true);
        }
    }

    async fn thaw(&mut self, w: usize) {
        self.processes[w].frozen = false;
        self.beat(self.processes[w].id).await;
    }

    async fn release(&self) {
        let mut tx = self.world.db.begin().await.unwrap();
        settle::release_dead(&mut tx, Channel::Sms, LEASE, SETTLE_AFTER, 100, now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The provider reports some of what it took, and what is uncertain is settled as far as that provider allows.
    async fn report_and_settle(&mut self) {
        let due: Vec<i64> = self.taken.iter().filter(|(_, (_, reported))| !reported).map(|(id, _)| *id).take(3).collect();
        for id in due {
            self.world
                .execute(format!(
                    "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at) VALUES ({id}, '{}', {}, now())",
                    self.campaign.workspace,
                    Bits::DELIVERED.0
                ))
                .await;
            self.taken.entry(id).and_modify(|(_, reported)| *reported = true);
        }
        let mut tx = self.world.db.begin().await.unwrap();
        let due = settle::take_due(&mut tx, Channel::Sms, Duration::ZERO, 10, now()).await.unwrap();
        let changes: Vec<_> = due.iter().map(|due| self.settled(due)).collect();
        settle::change(&mut tx, &changes, now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn settled(&self, due: &Due) -> Change {
        let (taken, reported) = self.taken.get(&due.delivery_id.0).copied().unwrap_or_default();
        let state = match self.capability {
            _ if reported => State::Accepted,
            Capability::Idempotent => State::RetryWait,
            Capability::Lookup if taken > 0 => State::Accepted,
            Capability::Lookup => State::RetryWait,
            Capability::None => State::Unknown,
        };
        let reason = (self.capability == Capability::Lookup && taken == 0).then(|| NOT_FOUND.to_owned());
        let next_attempt_at = (state == State::RetryWait).then(now);
        Change { next_attempt_at, ..Change::new(due.delivery_id, due.attempt, State::Uncertain, state, reason, 0) }
    }

    async fn wake(&self) {
        let mut tx = self.world.db.begin().await.unwrap();
        job::wake_retries(&mut tx, now(), 100).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn check(&self, when: &str) {
        for (id, (taken, _)) in &self.taken {
            assert!(*taken <= 1, "{when}: the provider took {id} {taken} times");
        }
        let mut connection = self.world.db.acquire().await.unwrap();
        let (spent, held, budget): (i64, i64, i64) = sqlx::query_as(
            "SELECT coalesce((SELECT reserved_micros FROM send.spend WHERE channel = ''), 0),
                    (SELECT sum(reserved_micros)::bigint FROM send.delivery), (SELECT budget_micros FROM core.campaign)",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        assert_eq!(spent, held, "{when}: what was spent is what the deliveries hold");
        assert!(spent <= budget, "{when}: {spent} of {budget}");
    }

    /// Everybody dies; what the ledger says then must agree with what the provider took.
    async fn end(&mut self) {
        for w in 0..self.processes.len() {
            self.lose(self.processes[w].id).await;
        }
        self.release().await;
        let mut connection = self.world.db.acquire().await.unwrap();
        let rows: Vec<(i64, String, i64, bool)> =
            sqlx::query_as("SELECT delivery_id, state, reserved_micros, doubtful FROM send.delivery ORDER BY 1")
                .fetch_all(&mut *connection)
                .await
                .unwrap();
        for (id, state, held, doubtful) in rows {
            let taken = self.taken_of(id);
            // What is sent again with the same key may have been taken; it and what was not found hold their price.
            let most = u32::from(self.capability == Capability::Idempotent);
            let (expected, holds) = match state.as_str() {
                "accepted" => (1..=1, true),
                "uncertain" | "unknown" => (0..=1, true),
                "queued" | "retry_wait" | "rejected" if doubtful => (0..=most, held > 0),
                "queued" | "retry_wait" | "rejected" => (0..=0, false),
                other => panic!("{id} is {other}"),
            };
            assert!(expected.contains(&taken), "{id} is {state}, and the provider took it {taken} times");
            assert_eq!(held, if holds { PRICE } else { 0 }, "{id} is {state}");
        }
    }
}

async fn play(seed: u64, capability: Capability) {
    let mut play = Play::new(seed, capability).await;
    for n in 0..STEPS {
        play.step().await;
        if n % 25 == 0 {
            play.check(&format!("seed {seed}, step {n}")).await;
        }
    }
    play.check(&format!("seed {seed}, the end")).await;
    play.end().await;
    assert!(play.taken.len() > DELIVERIES as usize / 4, "seed {seed}: too little happened: {}", play.taken.len());
}

#[tokio::test]
async fn random_lives_never_make_a_duplicate_and_the_ledger_agrees() {
    use Capability::{Idempotent, Lookup, None};
    tokio::join!(play(1, Idempotent), play(2, Lookup), play(3, None), play(4, Lookup));
}
