//! Many messages in few calls.
//!
//! A call is taken or refused as a whole. One that is refused for some of its messages goes again without them, and one that is refused
//! for nobody knows which is cut in half, so that one bad message never keeps back the others. Only a certain refusal is sent again; a
//! call whose outcome is open makes all of its messages uncertain, and their reports settle them.

use super::{
    frame::{Frame, Shape},
    send::{Refusal, Sender},
    wire::{self, Letter},
};
use crate::errors::RETRY;
use crate::{Fault, FaultAction, Message, NOT_TRIED, Outcome};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Calls for one batch. A single bad message among 1,000 takes 20 to be found.
const MAX_CALLS: usize = 40;
/// Of the deadline, what must be left for a further call: one that is cut short would be uncertain.
const LEAST_LEFT: u32 = 3;

/// Sends them all; as many outcomes as messages, in their order.
pub(super) async fn send(sender: &Sender, messages: &[Message]) -> Vec<Outcome> {
    let letters: Vec<Result<Letter<'_>, Fault>> = messages.iter().map(Letter::of).collect();
    let mut groups: BTreeMap<Shape, Vec<usize>> = BTreeMap::new();
    for (place, letter) in letters.iter().enumerate() {
        if let Ok(letter) = letter {
            groups.entry(Shape::of(letter)).or_default().push(place);
        }
    }
    let mut batch =
        Batch { sender, letters: &letters, outcomes: vec![None; messages.len()], until: Instant::now() + sender.deadline(), calls: 0 };
    for group in groups.into_values() {
        batch.send_group(group).await;
    }
    let outcomes = batch.outcomes;
    let settled = outcomes.into_iter().zip(&letters).map(|(outcome, letter)| match (outcome, letter) {
        (Some(outcome), _) => outcome,
        (None, Err(fault)) => Outcome::Refused(fault.clone()),
        (None, Ok(_)) => Outcome::Refused(not_sent()),
    });
    settled.collect()
}

fn not_sent() -> Fault {
    Fault::new(NOT_TRIED, RETRY, "there was no time left to send it")
}

struct Batch<'a> {
    sender: &'a Sender,
    letters: &'a [Result<Letter<'a>, Fault>],
    outcomes: Vec<Option<Outcome>>,
    until: Instant,
    calls: usize,
}

impl<'a> Batch<'a> {
    /// Messages of one shape, named by their places in the batch.
    async fn send_group(&mut self, group: Vec<usize>) {
        let mut waiting = vec![group];
        while let Some(part) = waiting.pop() {
            let left = self.until.saturating_duration_since(Instant::now());
            if self.calls >= MAX_CALLS || left < self.sender.deadline() / LEAST_LEFT {
                self.settle(&part, |_| Outcome::Refused(not_sent()));
                continue;
            }
            let letters: Vec<&'a Letter<'a>> = part.iter().filter_map(|place| self.letters.get(*place)?.as_ref().ok()).collect();
            let frame = if letters.len() > 1 { Frame::of(&letters) } else { None };
            if let Some(frame) = &frame
                && let Some(parts) = without(&part, &frame.too_large())
            {
                waiting.extend(parts);
                continue;
            }
            let (body, alone) = match (&frame, letters.first()) {
                (Some(frame), _) => (wire::several(self.sender.config(), &letters, frame), false),
                (None, Some(first)) if letters.len() == 1 => (Some(wire::single(self.sender.config(), first)), true),
                // No tag is to be had: each for itself.
                (None, _) => (None, false),
            };
            let Some(body) = body else {
                waiting.extend(part.into_iter().map(|place| vec![place]));
                continue;
            };
            self.calls += 1;
            match self.sender.call(&body, left).await {
                Ok(id) => self.accepted(&part, &id, alone),
                Err(Ok(refusal)) => waiting.extend(self.refused(part, refusal)),
                Err(Err(outcome)) => self.settle(&part, |_| outcome.clone()),
            }
        }
    }

    fn accepted(&mut self, part: &[usize], id: &str, alone: bool) {
        let letters = self.letters;
        let own = |place: usize| letters.get(place).and_then(|letter| Some(letter.as_ref().ok()?.message.correlation.clone()));
        let mut number = 0;
        self.settle(part, |place| {
            let n = number.to_string();
            number += 1;
            Outcome::accepted(match (id.is_empty(), alone) {
                (true, _) => own(place).unwrap_or_default(),
                (false, true) => id.to_owned(),
                (false, false) => wire::id_of(id, &n),
            })
        });
    }

    /// What of a refused call is to go again, in which parts.
    fn refused(&mut self, part: Vec<usize>, refusal: Refusal) -> Vec<Vec<usize>> {
        let named: BTreeMap<usize, Fault> = refusal.named.into_iter().filter_map(|(n, fault)| Some((*part.get(n)?, fault))).collect();
        if !named.is_empty() {
            self.settle(&named.keys().copied().collect::<Vec<_>>(), |place| {
                Outcome::Refused(named.get(&place).cloned().unwrap_or_else(not_sent))
            });
            let rest: Vec<usize> = part.into_iter().filter(|place| !named.contains_key(place)).collect();
            return if rest.is_empty() { Vec::new() } else { vec![rest] };
        }
        if part.len() > 1 && refusal.fault.action == FaultAction::Permanent {
            let (one, other) = part.split_at(part.len() / 2);
            return vec![one.to_vec(), other.to_vec()];
        }
        self.settle(&part, |_| Outcome::Refused(refusal.fault.clone()));
        Vec::new()
    }

    fn settle(&mut self, part: &[usize], mut outcome: impl FnMut(usize) -> Outcome) {
        for place in part {
            if let Some(slot) = self.outcomes.get_mut(*place) {
                *slot = Some(outcome(*place));
            }
        }
    }
}

/// Those at these places of a part for themselves, and the rest together; None when there are none.
fn without(part: &[usize], alone: &[usize]) -> Option<Vec<Vec<usize>>> {
    if alone.is_empty() {
        return None;
    }
    let rest: Vec<usize> = part.iter().enumerate().filter(|(n, _)| !alone.contains(n)).map(|(_, place)| *place).collect();
    let each = alone.iter().filter_map(|n| part.get(*n)).map(|place| vec![*place]);
    Some(each.chain((!rest.is_empty()).then_some(rest)).collect())
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
