//! A sub-batch on its way: each message is made, waits for its turn at the provider, is sent, and its outcome recorded. Where one call
//! carries many messages they wait for one turn together.

use super::{Work, batches::Batch, turns::Turns};
use crate::{
    Dispatcher,
    content::NotMade,
    contents::NoContent,
    outcome::{Done, Sign},
    push::is_unasked,
};
use domain::Channel;
use futures::{StreamExt, stream};
use providers::{Message, Outcome};
use std::time::Instant;
use store::gate::Claimed;
use time::OffsetDateTime;
use tracing::Instrument;

/// Messages of one call that are made at once.
const MADE_AT_ONCE: usize = 64;

impl Dispatcher {
    pub(super) async fn send_and_record(&self, batch: Batch) -> anyhow::Result<()> {
        let Batch { work, claimed, claimed_at, room: _held, taken: _until_recorded } = batch;
        let turns = Turns::new(claimed.iter().map(|claimed| claimed.delivery_id.0).collect(), claimed_at);
        let (at_once, of_call) = (claimed.len().max(1), work.ready.send.batch().max(1));
        let done: Vec<Done> = if of_call == 1 {
            let sent = stream::iter(claimed).map(|claimed| self.send_one(&work, &turns, claimed, claimed_at)).buffer_unordered(at_once);
            sent.collect().await
        } else {
            let calls: Vec<_> = claimed.chunks(of_call).map(|part| self.send_together(&work, &turns, part, claimed_at)).collect();
            stream::iter(calls).buffer_unordered(at_once).concat().await
        };
        self.record(&work, done).await
    }

    async fn send_one(&self, work: &Work, turns: &Turns, claimed: Claimed, claimed_at: Instant) -> Done {
        let span = tracing::info_span!("dispatcher.message.send", delivery.id = %claimed.delivery_id, provider = work.ready.provider.slug);
        async {
            let message = match self.message(work, &claimed).await {
                Ok(message) => message,
                Err(why) => return not_made(&claimed, why),
            };
            let _until_answered = match turns.take(claimed.delivery_id.0, self, work).await {
                Ok(call) => call,
                Err(why) => return Done::not_sent(&claimed, why),
            };
            if !self.worker.still_holds(claimed_at) {
                return Done::not_sent(&claimed, "lease_lost");
            }
            let (cost, started) = (work.cost_micros(&message), Instant::now());
            let outcome = match self.channel {
                Channel::Push => self.send_push(work, &claimed, message).await,
                _ => work.ready.send.send(&message).await,
            };
            self.meters.called(work.ready.provider.slug, started.elapsed());
            let done = Done::from_outcome(&claimed, outcome, rand::random(), OffsetDateTime::now_utc()).costing(cost);
            if self.channel == Channel::Push && is_unasked(done.code()) { unasked(done) } else { done }
        }
        .instrument(span)
        .await
    }

    /// Sends these by one call. What must not leave any more by the time of their turn is taken out of it.
    async fn send_together(&self, work: &Work, turns: &Turns, part: &[Claimed], claimed_at: Instant) -> Vec<Done> {
        let span = tracing::info_span!("dispatcher.message.send", deliveries = part.len(), provider = work.ready.provider.slug);
        async {
            let mut done = Vec::with_capacity(part.len());
            let making: Vec<_> = part.iter().map(|claimed| self.message(work, claimed)).collect();
            let made: Vec<_> = stream::iter(making).buffered(MADE_AT_ONCE).collect().await;
            let mut ready = Vec::with_capacity(part.len());
            for (claimed, made) in part.iter().zip(made) {
                match made {
                    Ok(message) => ready.push((claimed, message)),
                    Err(why) => done.push(not_made(claimed, why)),
                }
            }
            if ready.is_empty() {
                return done;
            }
            let (_until_answered, revoked) = match turns.take_for_all(self, work).await {
                Ok(turn) => turn,
                Err(why) => {
                    done.extend(ready.iter().map(|(claimed, _)| Done::not_sent(claimed, why)));
                    return done;
                }
            };
            let why = if self.worker.still_holds(claimed_at) { None } else { Some("lease_lost") };
            let (leaving, staying): (Vec<_>, Vec<_>) =
                ready.into_iter().partition(|(claimed, _)| why.is_none() && !revoked.contains(&claimed.delivery_id.0));
            done.extend(staying.iter().map(|(claimed, _)| Done::not_sent(claimed, why.unwrap_or("stopped_meanwhile"))));
            let (leaving, messages): (Vec<_>, Vec<Message>) = leaving.into_iter().unzip();
            done.extend(self.call(work, &leaving, &messages).await);
            done
        }
        .instrument(span)
        .await
    }

    async fn call(&self, work: &Work, leaving: &[&Claimed], messages: &[Message]) -> Vec<Done> {
        if messages.is_empty() {
            return Vec::new();
        }
        let started = Instant::now();
        let outcomes = work.ready.send.send_batch(messages).await;
        self.meters.called(work.ready.provider.slug, started.elapsed());
        let now = OffsetDateTime::now_utc();
        // An adapter that answers for fewer than it was given says nothing of the others.
        let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat(None));
        let done = leaving.iter().zip(messages).zip(outcomes).map(|((claimed, message), outcome)| {
            let outcome = outcome.unwrap_or_else(|| Outcome::uncertain("no_outcome", "the call said nothing of it"));
            Done::from_outcome(claimed, outcome, rand::random(), now).costing(work.cost_micros(message))
        });
        done.collect()
    }
}

fn not_made(claimed: &Claimed, why: NotMade) -> Done {
    match why {
        NotMade::Content(error) => Done::unrenderable(claimed, &error),
        NotMade::NoContent(NoContent::Unread(error)) => {
            tracing::warn!(%error, "the run's content could not be read");
            Done::not_sent(claimed, "content_unread")
        }
        NotMade::NoContent(NoContent::Unusable(error)) => {
            tracing::error!(error, "the run's content can't be used");
            Done::held_back(claimed, "content_unusable")
        }
        NotMade::Links(error) => {
            tracing::warn!(%error, "short links could not be stored");
            Done::not_sent(claimed, "short_links_unavailable")
        }
        NotMade::Suppressed { reason, rule } => Done::suppressed(claimed, reason, rule),
        NotMade::Refused(fault) => unasked(Done::from_outcome(claimed, Outcome::Refused(fault), rand::random(), OffsetDateTime::now_utc())),
    }
}

/// Nobody was asked, so this says nothing of whether the provider is up.
fn unasked(mut done: Done) -> Done {
    done.sign = Sign::Nothing;
    done
}
