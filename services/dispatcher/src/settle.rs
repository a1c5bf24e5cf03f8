//! What is uncertain, settled by asking: the provider says whether it took a message, or drops a second one by itself.
//!
//! What neither can be asked nor sent again waits for a report ([`crate::notices`]); what nobody could say anything about for a day is
//! `unknown`, and a person's to decide.

use crate::{Dispatcher, ORIGIN, told};
use domain::{
    DeliveryId, SenderId,
    content::Rendered,
    delivery::{State, ask_again_after},
};
use futures::{StreamExt, stream};
use proto::event::Fact;
use providers::{Capability, Lookup, LookupQuery};
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use store::{
    sender_state,
    settle::{self, Change, Due, NOT_FOUND, WORKER_LOST},
};
use time::OffsetDateTime;

const EVERY: Duration = Duration::from_secs(1);
/// Deliveries taken together; few, so that they are asked about within [`HOLD`].
const AT_ONCE: i64 = 32;
/// How long nobody else takes them. Whoever takes them and dies delays them by as much.
const HOLD: Duration = Duration::from_secs(60);
/// Senders looked after at once, and questions at once for each.
const SENDERS: usize = 4;
const QUESTIONS: usize = 8;
/// How far before the gate's yes a provider's clock may have a message.
const EARLY: Duration = Duration::from_secs(5);
/// How long after its worker was given up a message may have reached the provider: the deadline of a call.
const LATE: Duration = Duration::from_secs(10);

/// One delivery's settlement, and what the fold is told of it.
struct Settled {
    change: Change,
    fact: Option<Fact>,
}

impl Settled {
    /// The message that its provider has of it.
    fn found(&self) -> Option<(DeliveryId, &str)> {
        Some((self.change.delivery_id, self.change.provider_message_id.as_deref()?))
    }
}

impl Dispatcher {
    pub(crate) async fn settle_uncertain(self) {
        let soft = self.shutdown.soft();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while soft.run_until_cancelled(ticks.tick()).await.is_some() {
            // A question that hangs is dropped when the process ends; others ask it again.
            if let Some(Err(error)) = soft.run_until_cancelled(self.settle_due()).await {
                tracing::warn!(error = format!("{error:#}"), "what is uncertain could not be settled; trying again");
            }
        }
    }

    async fn settle_due(&self) -> anyhow::Result<()> {
        loop {
            let due = {
                let mut connection = self.db.acquire().await?;
                settle::take_due(&mut connection, self.channel, HOLD, AT_ONCE, OffsetDateTime::now_utc()).await?
            };
            let full = due.len() as i64 == AT_ONCE;
            let mut by_sender: BTreeMap<SenderId, Vec<Due>> = BTreeMap::new();
            for one in due {
                by_sender.entry(one.sender_id).or_default().push(one);
            }
            let each = stream::iter(by_sender).map(|(sender, due)| self.settle_sender(sender, due)).buffer_unordered(SENDERS);
            each.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<()>>()?;
            if !full {
                return Ok(());
            }
        }
    }

    async fn settle_sender(&self, sender: SenderId, due: Vec<Due>) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let (too_long, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| now >= due.uncertain_at + self.unknown_after);
        let mut settled: Vec<_> = too_long.iter().map(|due| self.unknown(due, now)).collect();
        let ready = self.senders.get(sender).await.inspect_err(|error| {
            tracing::warn!(error = format!("{error:#}"), sender.id = %sender, "its account can't be used: its uncertain messages wait");
        });
        match ready.map(|ready| (ready.send.capability(), ready)) {
            Ok((Capability::Idempotent, _)) => {
                settled.extend(due.iter().map(|due| if due.sendable { again(due, now) } else { self.at_the_end(due) }));
            }
            Ok((Capability::Lookup, ready)) => settled.extend(self.ask(&*ready.send, sender, due).await?),
            Ok((Capability::None, _)) => settled.extend(due.iter().map(|due| self.at_the_end(due))),
            Err(_) => settled.extend(due.iter().map(|due| self.later(due, now))),
        }
        self.write(settled).await
    }

    async fn write(&self, mut settled: Vec<Settled>) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let mut tx = self.db.begin().await?;
        let found: Vec<_> = settled.iter().filter_map(Settled::found).collect();
        // What another delivery has meanwhile isn't this one's: asked about again, with that id known.
        let taken = settle::taken_by_others(&mut tx, &found).await?;
        settled.retain(|settled| !taken.contains(&settled.change.delivery_id.0));
        let (changes, facts): (Vec<_>, Vec<_>) = settled.into_iter().map(|settled| (settled.change, settled.fact)).unzip();
        let changed = settle::change(&mut tx, &changes, now).await?;
        let facts = facts.into_iter().flatten().filter(|fact| changed.contains(&fact.delivery_id)).collect();
        outbox::add(&mut tx, ORIGIN, facts, "", now).await?;
        tx.commit().await.map_err(store::Error::from)?;
        self.outbox.wake();
        self.meters.settled(self.channel, &changes);
        Ok(())
    }

    /// Asks about each, those to one address one after the other. When the provider turns out to be down the rest wait.
    async fn ask(&self, send: &dyn providers::Send, sender: SenderId, due: Vec<Due>) -> anyhow::Result<Vec<Settled>> {
        let ids: Vec<_> = due.iter().map(|due| due.delivery_id).collect();
        let (down, known) = {
            let mut connection = self.db.acquire().await?;
            let down = sender_state::is_down(&mut connection, sender).await?;
            (down, settle::neighbours(&mut connection, &ids, OffsetDateTime::now_utc()).await?)
        };
        let down = AtomicBool::new(down);
        let mut by_address: BTreeMap<String, Vec<Due>> = BTreeMap::new();
        for one in due {
            by_address.entry(one.address.clone()).or_default().push(one);
        }
        let asked = stream::iter(by_address.into_values())
            .map(|same| self.ask_in_turn(send, same, &known, &down))
            .buffer_unordered(QUESTIONS)
            .collect::<Vec<_>>();
        Ok(asked.await.into_iter().flatten().collect())
    }

    async fn ask_in_turn(
        &self,
        send: &dyn providers::Send,
        due: Vec<Due>,
        known: &HashMap<i64, Vec<String>>,
        down: &AtomicBool,
    ) -> Vec<Settled> {
        let (mut settled, mut found) = (Vec::with_capacity(due.len()), Vec::new());
        for one in due {
            let now = OffsetDateTime::now_utc();
            if down.load(Ordering::Relaxed) {
                settled.push(self.later(&one, now));
                continue;
            }
            let known = known.get(&one.delivery_id.0).into_iter().flatten().chain(&found).cloned().collect();
            let query = LookupQuery { content: self.posted(&one).await, ..query(&one, known) };
            settled.push(match send.lookup(&query).await {
                Lookup::Found { provider_message_id, permalink } => {
                    found.push(provider_message_id.clone());
                    accepted(&one, provider_message_id, permalink, now)
                }
                Lookup::NotFound => not_found(&one, now),
                Lookup::CantSay(fault) => {
                    tracing::info!(code = fault.code, detail = fault.detail, delivery.id = %one.delivery_id, "the provider can't say whether it took it");
                    down.fetch_or(fault.says_down(), Ordering::Relaxed);
                    self.later(&one, now)
                }
            });
        }
        settled
    }

    /// What was posted: the same for everybody, so it can be made again. None on other channels, and when it can't be.
    async fn posted(&self, due: &Due) -> Option<Rendered> {
        if self.channel.has_contact() {
            return None;
        }
        let made = self.post_again(due.run_id, due.content_version).await;
        made.inspect_err(
            |error| tracing::warn!(error = format!("{error:#}"), delivery.id = %due.delivery_id, "what was posted can't be made again"),
        )
        .ok()
    }

    /// Nobody could say for too long.
    fn unknown(&self, due: &Due, now: OffsetDateTime) -> Settled {
        let rule = format!("nobody could say within {}", crate::outcome::words(self.unknown_after));
        let change = Change { rule, verdict: "unknown", ..change(due, State::Unknown) };
        Settled { change, fact: Some(told::unknown(due, now)) }
    }

    /// To be asked about again.
    fn later(&self, due: &Due, now: OffsetDateTime) -> Settled {
        let uncertain_for = Duration::try_from(now - due.uncertain_at).unwrap_or_default();
        let next = (now + ask_again_after(uncertain_for)).min(due.uncertain_at + self.unknown_after);
        Settled { change: Change { settle_at: Some(next), ..change(due, State::Uncertain) }, fact: None }
    }

    /// Nobody can be asked: it waits for a report as long as it may.
    fn at_the_end(&self, due: &Due) -> Settled {
        let settle_at = Some(due.uncertain_at + self.unknown_after);
        Settled { change: Change { settle_at, ..change(due, State::Uncertain) }, fact: None }
    }
}

fn query(due: &Due, known: Vec<String>) -> LookupQuery {
    let late = if due.reason.as_deref() == Some(WORKER_LOST) { LATE } else { Duration::ZERO };
    LookupQuery {
        to: due.address.clone(),
        sent_after: due.sent_at - EARLY,
        sent_before: due.uncertain_at + late,
        // The contact may have changed since, and the text with it: a wrong one would make a message look like another's.
        text: None,
        known,
        progress: due.progress.clone(),
        content: None,
    }
}

/// The provider drops a second one of the same key. What it holds of the budget it keeps: it may have left.
fn again(due: &Due, now: OffsetDateTime) -> Settled {
    let rule = "its provider drops a second one: sent again with the same key".to_owned();
    Settled { change: Change { next_attempt_at: Some(now), verdict: "retry", rule, ..change(due, State::RetryWait) }, fact: None }
}

fn accepted(due: &Due, provider_message_id: String, permalink: Option<String>, now: OffsetDateTime) -> Settled {
    let fact = Some(told::found(due, &provider_message_id, now));
    let rule = "accepted by look-up".to_owned();
    let provider_message_id = Some(provider_message_id);
    Settled { change: Change { provider_message_id, permalink, verdict: "accepted", rule, ..change(due, State::Accepted) }, fact }
}

/// What it holds of the budget it keeps for the next try, and in case that the provider was wrong.
fn not_found(due: &Due, now: OffsetDateTime) -> Settled {
    let change = Change {
        reason: Some(NOT_FOUND.to_owned()),
        next_attempt_at: Some(now),
        verdict: "retry",
        rule: "not found by look-up: it never left".to_owned(),
        ..change(due, State::RetryWait)
    };
    Settled { change, fact: None }
}

fn change(due: &Due, state: State) -> Change {
    Change::new(due.delivery_id, due.attempt, State::Uncertain, state, due.reason.clone(), due.repeats)
}
