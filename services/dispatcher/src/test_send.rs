//! Messages that people send to a few addresses, to look at them where they arrive. They are no deliveries: no run, no budget, no figures
//! and no second try. The sender's pace, its pauses and the opt-out register hold for them as for all others.
//!
//! They come from the database itself, not from the broker: few, and nobody minds half a second.

use crate::{Dispatcher, ORIGIN, health::Case, outcome::effect, senders::Ready};
use anyhow::Context as _;
use domain::{Channel, DeliveryId, SenderId, content::Rendered, delivery::reason, facts};
use futures::{StreamExt as _, stream};
use proto::event::{Inbound, InboundIntent};
use providers::{Fault, FaultAction, Message};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::test_send::{
    TestState,
    dispatch::{self, Batch, Outcome, Taken},
};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

const EVERY: Duration = Duration::from_millis(500);
/// Polls between two rounds of keeping house.
const TIDY_EVERY: u32 = 20;
/// Senders whose tests are on their way at once.
const SENDERS: usize = 8;
/// How long a test waits for its turn at an account that is busy.
const LONGEST_TURN: Duration = Duration::from_secs(20);
/// How long a test may take that goes on in steps. Well below the time after which what became of it is given up.
const LONGEST_STEPS: Duration = Duration::from_secs(60);

/// What became of a test, and what its fault does to others.
struct Tested {
    outcome: Outcome,
    fault: Option<Fault>,
}

impl Dispatcher {
    pub(crate) async fn send_tests(self) {
        let soft = self.shutdown.soft();
        let (sending, senders) = (TaskTracker::new(), Arc::new(Semaphore::new(SENDERS)));
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut polls = 0_u32;
        while soft.run_until_cancelled(ticks.tick()).await.is_some() {
            if polls.is_multiple_of(TIDY_EVERY)
                && let Err(error) = self.tidy_tests().await
            {
                tracing::warn!(error = format!("{error:#}"), "old tests could not be put in order; trying again");
            }
            polls = polls.wrapping_add(1);
            if let Err(error) = self.take_tests(&sending, &senders).await {
                tracing::warn!(error = format!("{error:#}"), "tests could not be taken; trying again");
            }
        }
        sending.close();
        sending.wait().await;
    }

    async fn tidy_tests(&self) -> store::Result<()> {
        let mut tx = self.db.begin().await?;
        dispatch::tidy(&mut tx, self.channel, OffsetDateTime::now_utc()).await?;
        Ok(tx.commit().await?)
    }

    /// Takes what waits, of each sender what its pace lets go, and sends it in tasks of their own.
    async fn take_tests(&self, sending: &TaskTracker, senders: &Arc<Semaphore>) -> anyhow::Result<()> {
        let mut passed = Vec::new();
        while !self.shutdown.is_ending() {
            // All busy: the next poll goes on.
            let Ok(room) = senders.clone().try_acquire_owned() else { return Ok(()) };
            let mut tx = self.db.begin().await?;
            let batch = dispatch::take(&mut tx, self.channel, self.worker.id, &passed, OffsetDateTime::now_utc()).await?;
            tx.commit().await.map_err(store::Error::from)?;
            let Some(batch) = batch else { return Ok(()) };
            passed.push(batch.sender_id);
            if !batch.taken.is_empty() {
                sending.spawn(self.clone().send_test_batch(batch, room));
            }
        }
        Ok(())
    }

    async fn send_test_batch(self, batch: Batch, _until_recorded: OwnedSemaphorePermit) {
        let Batch { sender_id, taken } = batch;
        let ids: Vec<_> =
            taken.iter().map(|taken| (taken.test_message_id, taken.workspace_id.to_string(), taken.address.clone())).collect();
        let tested = match self.senders.get(sender_id).await {
            Ok(ready) => {
                let at_once = taken.len().max(1);
                let sent = stream::iter(taken).map(|taken| self.send_test(&ready, sender_id, taken)).buffer_unordered(at_once);
                sent.collect::<Vec<_>>().await
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), sender.id = %sender_id, "its account can't be used: its tests are refused");
                let refused =
                    |(id, ..): &(i64, _, _)| refused(*id, "sender_unusable", "the sender's account can't be used: see its settings");
                ids.iter().map(refused).collect()
            }
        };
        let stops = ids.iter().filter(|(id, ..)| tested.iter().any(|one| one.outcome.test_message_id == *id && one.has_opted_out()));
        let stops: Vec<_> = stops.map(|(id, workspace, address)| self.stop(*id, sender_id, workspace, address)).collect();
        if let Err(error) = self.record_tests(sender_id, &tested, stops).await {
            // They are marked, so that nobody sends them again; in two minutes they are shown as uncertain.
            tracing::error!(error = format!("{error:#}"), tests = tested.len(), "what became of tests could not be recorded");
        }
    }

    async fn send_test(&self, ready: &Ready, sender: SenderId, taken: Taken) -> Tested {
        let (id, workspace) = (taken.test_message_id, taken.workspace_id);
        let turn = tokio::time::timeout(LONGEST_TURN, ready.calls.clone().acquire_owned()).await;
        let Ok(Ok(_until_answered)) = turn else {
            return refused(id, "busy", "the sender's account was busy with other messages: try again later");
        };
        let mut message = match self.test_message(ready, sender, taken) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a test's content can't be read");
                return refused(id, "content_unreadable", "its content can't be read any more: send a new test");
            }
        };
        if self.channel == Channel::Email
            && let Err(error) = self.carry(workspace, ready, reported_as(id), &mut message).await
        {
            tracing::warn!(%error, "the files of a test can't be had");
            return refused(id, "file_missing", "a file of the e-mail can't be had: send a new test");
        }
        let sent = match self.channel {
            Channel::Push => self.send_test_push(ready, sender, workspace, message).await,
            _ => send_in_steps(ready, message).await,
        };
        match sent {
            providers::Outcome::Accepted { provider_message_id, .. } => {
                let outcome = Outcome { provider_message_id, ..Outcome::new(id, TestState::Accepted) };
                Tested { outcome, fault: None }
            }
            providers::Outcome::Refused(fault) => Tested::of(id, TestState::Refused, fault),
            providers::Outcome::Uncertain(fault) => Tested::of(id, TestState::Uncertain, fault),
            providers::Outcome::Pending { .. } => {
                refused(id, reason::PENDING_TOO_LONG, "its provider took too long to prepare it: try again later")
            }
        }
    }

    fn test_message(&self, ready: &Ready, sender: SenderId, taken: Taken) -> anyhow::Result<Message> {
        let content: Rendered = serde_json::from_value(taken.content).context("the rendered content")?;
        let id = reported_as(taken.test_message_id);
        let correlation = self.links.correlation(id, &runtime::traceparent::current());
        let callback = format!("{}/webhooks/{}/{sender}/status?d={correlation}", self.public_url, ready.provider.slug);
        // A test's recipient is no recipient of a campaign: there is nothing to unsubscribe from.
        let key = self.links.correlation(id, "");
        Ok(Message { status_callback: Some(callback), ..Message::new(taken.address, content, correlation, key) })
    }

    async fn record_tests(&self, sender: SenderId, tested: &[Tested], stops: Vec<Inbound>) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let outcomes: Vec<_> = tested.iter().map(|tested| tested.outcome.clone()).collect();
        let mut tx = self.db.begin().await?;
        dispatch::record(&mut tx, self.worker.id, &outcomes, now).await?;
        outbox::add_inbound(&mut tx, ORIGIN, stops, "", now).await?;
        for tested in tested {
            // A sender that can't send, or goes too fast, does so for campaigns as well.
            let Some((fault, effect)) = tested.fault.as_ref().and_then(|fault| Some((fault, effect(fault.action)?))) else { continue };
            let delivery_id = reported_as(tested.outcome.test_message_id);
            let case = Case { delivery_id, address: "", code: &fault.code, detail: &fault.detail };
            self.apply(&mut tx, sender, case, effect, now).await?;
        }
        tx.commit().await.map_err(store::Error::from)?;
        self.outbox.wake();
        Ok(())
    }

    /// What the opt-out register is told when the provider says that the person opted out there.
    fn stop(&self, id: i64, sender: SenderId, workspace_id: &str, address: &str) -> Inbound {
        let now = OffsetDateTime::now_utc();
        Inbound {
            key: facts::key(&format!("opted_out:test:{id}")).to_vec(),
            workspace_id: workspace_id.to_owned(),
            sender_id: sender.to_string(),
            channel: self.channel.to_string(),
            from: address.to_owned(),
            intent: InboundIntent::Stop.into(),
            source: "provider".to_owned(),
            occurred_at_ms: outbox::millis(now),
            ..Inbound::default()
        }
    }
}

/// Goes on with what the provider prepares until it is through, or for [`LONGEST_STEPS`].
pub(crate) async fn send_in_steps(ready: &Ready, mut message: Message) -> providers::Outcome {
    let begun = Instant::now();
    loop {
        let outcome = ready.send.send(&message).await;
        let providers::Outcome::Pending { progress, again_after } = &outcome else { return outcome };
        let wait = (*again_after).max(Duration::from_secs(1));
        if begun.elapsed() + wait > LONGEST_STEPS {
            return outcome;
        }
        message.progress = Some(progress.clone());
        tokio::time::sleep(wait).await;
    }
}

/// What a test's message is called where deliveries are reported: no delivery has such a number, so no figure can come of it.
const fn reported_as(test_message_id: i64) -> DeliveryId {
    DeliveryId(-test_message_id)
}

fn refused(id: i64, code: &str, detail: &str) -> Tested {
    let outcome = Outcome { code: code.to_owned(), detail: detail.to_owned(), ..Outcome::new(id, TestState::Refused) };
    Tested { outcome, fault: None }
}

impl Tested {
    fn of(id: i64, state: TestState, fault: Fault) -> Self {
        let outcome = Outcome { code: fault.code.clone(), detail: fault.detail.clone(), ..Outcome::new(id, state) };
        Self { outcome, fault: Some(fault) }
    }

    fn has_opted_out(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.action == FaultAction::OptOut)
    }
}
