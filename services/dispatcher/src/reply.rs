//! Answers in conversations: what somebody of the workspace, or HELP, writes back to a person. They are no deliveries: no run, no budget, no
//! figures and no second try. The sender's pace, its pauses, the opt-out register and the provider's window for free text hold for them.
//!
//! They come from the database itself, not from the broker: few, and nobody minds half a second. What is said is opened here, on its way out,
//! and nowhere else.

use crate::{Dispatcher, ORIGIN, health::Case, outcome::effect, senders::Ready, test_send::send_in_steps};
use anyhow::Context as _;
use domain::{
    DeliveryId, SenderId,
    content::{FreeMessage, Rendered},
    conversation::AnswerState,
    delivery::reason,
    facts,
};
use futures::{StreamExt as _, stream};
use prost::Message as _;
use proto::event::{Inbound, InboundContent, InboundIntent};
use providers::{Fault, FaultAction, Message};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::conversation::dispatch::{self, Batch, Outcome, Taken};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

const EVERY: Duration = Duration::from_millis(500);
/// Polls between two rounds of keeping house.
const TIDY_EVERY: u32 = 20;
/// Senders whose answers are on their way at once.
const SENDERS: usize = 8;
/// How long an answer waits for its turn at an account that is busy.
const LONGEST_TURN: Duration = Duration::from_secs(20);
/// One that waited longer is looked at once more: opt-outs and pauses hold for it too.
const STALE_AFTER: Duration = Duration::from_millis(500);

/// What became of an answer, and what its fault does to others.
struct Answered {
    outcome: Outcome,
    fault: Option<Fault>,
    /// What the register is told when the provider says that the person opted out there.
    stop: Option<Inbound>,
}

impl Dispatcher {
    pub(crate) async fn send_replies(self) {
        let soft = self.shutdown.soft();
        let (sending, senders) = (TaskTracker::new(), Arc::new(Semaphore::new(SENDERS)));
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut polls = 0_u32;
        while soft.run_until_cancelled(ticks.tick()).await.is_some() {
            if polls.is_multiple_of(TIDY_EVERY)
                && let Err(error) = self.tidy_replies().await
            {
                tracing::warn!(error = format!("{error:#}"), "old answers could not be put in order; trying again");
            }
            polls = polls.wrapping_add(1);
            if let Err(error) = self.take_replies(&sending, &senders).await {
                tracing::warn!(error = format!("{error:#}"), "answers could not be taken; trying again");
            }
        }
        sending.close();
        sending.wait().await;
    }

    async fn tidy_replies(&self) -> store::Result<()> {
        dispatch::tidy(&mut *self.db.acquire().await?, self.channel, OffsetDateTime::now_utc()).await
    }

    /// Takes what waits, of each sender what its pace lets go, and sends it in tasks of their own.
    async fn take_replies(&self, sending: &TaskTracker, senders: &Arc<Semaphore>) -> anyhow::Result<()> {
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
                sending.spawn(self.clone().send_reply_batch(batch, room));
            }
        }
        Ok(())
    }

    async fn send_reply_batch(self, batch: Batch, _until_recorded: OwnedSemaphorePermit) {
        let Batch { sender_id, taken } = batch;
        let answered = match self.senders.get(sender_id).await {
            Ok(ready) => {
                // Each is to somebody else: of a conversation there is one at a time.
                let at_once = taken.len().max(1);
                let sent = stream::iter(taken).map(|taken| self.send_reply(&ready, sender_id, taken)).buffer_unordered(at_once);
                sent.collect::<Vec<_>>().await
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), sender.id = %sender_id, "its account can't be used: its answers are refused");
                let refused =
                    |taken: &Taken| refused(taken.reply_id, "sender_unusable", "the sender's account can't be used: see its settings");
                taken.iter().map(refused).collect()
            }
        };
        if let Err(error) = self.record_replies(sender_id, &answered).await {
            // They are marked, so that nobody sends them again; in two minutes they are shown as uncertain.
            tracing::error!(error = format!("{error:#}"), answers = answered.len(), "what became of answers could not be recorded");
        }
    }

    async fn send_reply(&self, ready: &Ready, sender: SenderId, taken: Taken) -> Answered {
        let id = taken.reply_id;
        let span = tracing::info_span!("dispatcher.reply.send", sender.id = %sender, reply.id = id);
        let asked_at = Instant::now();
        let turn = tokio::time::timeout(LONGEST_TURN, ready.calls.clone().acquire_owned()).await;
        let Ok(Ok(_until_answered)) = turn else {
            return refused(id, "busy", "the sender's account was busy with other messages: answer again later");
        };
        if asked_at.elapsed() >= STALE_AFTER
            && let Some(stopped) = self.stopped_meanwhile(id).await
        {
            return stopped;
        }
        let message = match self.reply_message(ready, sender, &taken) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an answer's content can't be opened");
                return refused(id, "content_unreadable", "its content can't be opened any more: write it again");
            }
        };
        match tracing::Instrument::instrument(send_in_steps(ready, message), span).await {
            providers::Outcome::Accepted { provider_message_id, .. } => {
                let outcome = Outcome { provider_message_id, ..Outcome::new(id, AnswerState::Accepted) };
                Answered { outcome, fault: None, stop: None }
            }
            providers::Outcome::Refused(fault) => self.failed(sender, &taken, AnswerState::Refused, fault),
            providers::Outcome::Uncertain(fault) => self.failed(sender, &taken, AnswerState::Uncertain, fault),
            providers::Outcome::Pending { .. } => {
                refused(id, reason::PENDING_TOO_LONG, "its provider took too long to prepare it: answer again later")
            }
        }
    }

    /// Looks once more whether an answer may leave that waited long. When the database doesn't tell, it doesn't.
    async fn stopped_meanwhile(&self, id: i64) -> Option<Answered> {
        let ask = async { dispatch::stopped(&mut *self.db.acquire().await?, id).await };
        match ask.await {
            Ok(stopped) => stopped.map(|(code, detail)| refused(id, code, detail)),
            Err(error) => {
                tracing::warn!(%error, "whether an answer may still leave is not known: it doesn't");
                Some(refused(id, "busy", "it waited too long: answer again later"))
            }
        }
    }

    fn failed(&self, sender: SenderId, taken: &Taken, state: AnswerState, fault: Fault) -> Answered {
        let outcome = Outcome { code: fault.code.clone(), detail: fault.detail.clone(), ..Outcome::new(taken.reply_id, state) };
        let stop = (fault.action == FaultAction::OptOut).then(|| self.stop_of_reply(sender, taken));
        Answered { outcome, fault: Some(fault), stop }
    }

    fn reply_message(&self, ready: &Ready, sender: SenderId, taken: &Taken) -> anyhow::Result<Message> {
        let opened = self.senders.kek().open(&taken.sealed, taken.seal_key.as_bytes())?;
        let said = InboundContent::decode(opened.as_slice()).context("the opened content")?;
        let content = FreeMessage {
            text: said.text,
            media_url: said.media.into_iter().next().map(|media| media.url).unwrap_or_default(),
            subject: said.subject,
            in_reply_to: taken.in_reply_to.clone(),
        };
        let id = reported_as(taken.reply_id);
        let correlation = self.links.correlation(id, &runtime::traceparent::current());
        let callback = format!("{}/webhooks/{}/{sender}/status?d={correlation}", self.public_url, ready.provider.slug);
        let key = self.links.correlation(id, "");
        Ok(Message { status_callback: Some(callback), ..Message::new(&taken.address, Rendered::Free(content), correlation, key) })
    }

    async fn record_replies(&self, sender: SenderId, answered: &[Answered]) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        let outcomes: Vec<_> = answered.iter().map(|one| one.outcome.clone()).collect();
        let stops = answered.iter().filter_map(|one| one.stop.clone()).collect();
        let mut tx = self.db.begin().await?;
        dispatch::record(&mut tx, self.worker.id, &outcomes, now).await?;
        outbox::add_inbound(&mut tx, ORIGIN, stops, "", now).await?;
        for one in answered {
            // A sender that can't send, or goes too fast, does so for campaigns as well.
            let Some((fault, effect)) = one.fault.as_ref().and_then(|fault| Some((fault, effect(fault.action)?))) else { continue };
            let case = Case { delivery_id: reported_as(one.outcome.reply_id), address: "", code: &fault.code, detail: &fault.detail };
            self.apply(&mut tx, sender, case, effect, now).await?;
        }
        tx.commit().await.map_err(store::Error::from)?;
        self.outbox.wake();
        Ok(())
    }

    fn stop_of_reply(&self, sender: SenderId, taken: &Taken) -> Inbound {
        Inbound {
            key: facts::key(&format!("opted_out:reply:{}", taken.reply_id)).to_vec(),
            workspace_id: taken.workspace_id.to_string(),
            sender_id: sender.to_string(),
            channel: self.channel.to_string(),
            // By its number the register finds under which key the thread is.
            delivery_id: reported_as(taken.reply_id).0,
            intent: InboundIntent::Stop.into(),
            source: "provider".to_owned(),
            occurred_at_ms: outbox::millis(OffsetDateTime::now_utc()),
            ..Inbound::default()
        }
    }
}

/// What an answer is called where deliveries are reported: no delivery has such a number, so no figure can come of it.
const fn reported_as(reply_id: i64) -> DeliveryId {
    DeliveryId(-reply_id)
}

fn refused(id: i64, code: &str, detail: &str) -> Answered {
    let outcome = Outcome { code: code.to_owned(), detail: detail.to_owned(), ..Outcome::new(id, AnswerState::Refused) };
    Answered { outcome, fault: None, stop: None }
}
