//! What every provider's interface does with a request once it has been read: judge it, log it, plan what
//! becomes of it, and answer, or fail to.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::behaviour::{Answer, Fate, Ruling, Step, StepSet};
use crate::callbacks::{Journey, Parcel, Scheduler, Stopped};
use crate::config::{Active, Live};
use crate::conn::Hangup;
use crate::ledger::draft::identity;
use crate::ledger::{Entry, Ledger};
use crate::message::{Channel, Message};

/// Callbacks that may be planned at a time. Beyond it every interface answers as if throttled.
const MAX_PENDING: u64 = 1_000_000;

/// Recipients whose first attempt is remembered.
const MAX_ATTEMPTS: usize = 1_000_000;

/// How long a hanging answer hangs.
pub const HANG: Duration = Duration::from_secs(30);

pub struct Desk {
    pub live: Arc<Live>,
    pub ledger: Ledger,
    pub scheduler: Scheduler,
    pub stopped: Arc<Stopped>,
    pub shutdown: CancellationToken,
    attempts: Mutex<HashSet<u64>>,
}

/// What is decided about one request: whether to take it, and how to answer then.
pub struct Judgement {
    pub ruling: Ruling,
    pub answer: Answer,
    /// Which of the recipients are refused.
    pub refused: Vec<usize>,
}

/// How a failure looks at one provider: its code, and whether "sent" is reported before it.
pub type Failure = (&'static str, bool);

impl Desk {
    pub fn new(live: Arc<Live>, ledger: Ledger, scheduler: Scheduler, stopped: Arc<Stopped>, shutdown: CancellationToken) -> Self {
        Desk { live, ledger, scheduler, stopped, shutdown, attempts: Mutex::default() }
    }

    /// Decides about a request to `recipients` (canonical addresses), after the configured latency.
    pub async fn judge(&self, active: &Active, channel: Channel, recipients: &[&str]) -> Judgement {
        let fates: Vec<Fate> = recipients.iter().map(|to| self.fate(active, channel, to)).collect();
        let latency = fates.iter().map(Fate::latency).max().unwrap_or_default();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut judged = Judgement { ruling: Ruling::Accept, answer: Answer::Normal, refused: Vec::new() };
        if self.ledger.figures().pending > MAX_PENDING {
            judged.ruling = Ruling::Throttle;
            return judged;
        }
        for (i, fate) in fates.iter().enumerate() {
            if fate.ruling(false) == Ruling::Refuse {
                judged.ruling = Ruling::Refuse;
                judged.refused.push(i);
            }
        }
        if judged.ruling == Ruling::Refuse {
            return judged;
        }
        for (fate, to) in fates.iter().zip(recipients) {
            let first = fate.minds_first_attempt() && self.is_first_attempt(channel, to);
            match fate.ruling(first) {
                Ruling::Accept => {}
                other => judged.ruling = other,
            }
            match fate.answer(first) {
                Answer::Normal => {}
                other => judged.answer = other,
            }
        }
        judged
    }

    /// Decides what will happen to a message, of what is possible for it.
    pub fn plan(&self, active: &Active, message: &mut Message, possible: StepSet, failure: impl Fn(&Fate) -> Failure) {
        let fate = self.fate(active, message.channel, &message.to);
        let mut plan = fate.plan();
        if plan.has(Step::Failed) {
            let (code, after_sent) = failure(&fate);
            message.fails_with = Some(code.into());
            if !after_sent {
                plan = plan.without(StepSet::of(&[Step::Sent]));
            }
        }
        message.plays = plan.only(possible);
    }

    /// Logs messages, and returns once they are on disk and what becomes of them is under way. It works in a task
    /// of its own: a sender who hangs up meanwhile must not leave a message that is logged and never played.
    pub async fn accept(&self, active: &Arc<Active>, messages: Vec<Message>) -> io::Result<()> {
        let (ledger, scheduler, active) = (self.ledger.clone(), self.scheduler.clone(), active.clone());
        let accepting = tokio::spawn(async move {
            let appended = ledger.append(&messages).await?;
            for (message, seq) in messages.into_iter().zip(appended.first_seq..) {
                let Some(first) = message.plays.first() else { continue };
                let fate = active.config.behaviour.fate(active.config.seed, message.channel, &message.to);
                let delay = fate.delay(first);
                let entry = Entry { epoch: appended.epoch, seq, channel: message.channel };
                let todo = message.plays;
                scheduler.put(Journey { parcel: Box::new(Parcel::new(entry, message)), todo, tries: 0 }, delay);
            }
            Ok(())
        });
        accepting.await?
    }

    /// Counts a refusal for good.
    pub async fn refuse(&self, channel: Channel, to: &str, correlation: &str) {
        if let Err(error) = self.ledger.refuse(channel, to, correlation).await {
            tracing::error!(%error, "cannot record a refusal");
        }
    }

    /// Answers, or does to the connection what was decided.
    pub async fn finish(&self, answer: Answer, hangup: &Hangup, response: Response) -> Response {
        if answer == Answer::Hang {
            self.hang().await;
        }
        if answer != Answer::Normal {
            hangup.now();
        }
        response
    }

    /// Waits as long as a hanging answer hangs, or until the process is told to stop.
    pub async fn hang(&self) {
        drop(tokio::time::timeout(HANG, self.shutdown.cancelled()).await);
    }

    /// Forgets every message and every recipient, not the configuration.
    pub async fn reset(&self) -> io::Result<()> {
        self.ledger.reset().await?;
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.stopped.clear();
        Ok(())
    }

    pub fn fate<'a>(&self, active: &'a Active, channel: Channel, to: &'a str) -> Fate<'a> {
        active.config.behaviour.fate(active.config.seed, channel, to)
    }

    fn is_first_attempt(&self, channel: Channel, to: &str) -> bool {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.len() < MAX_ATTEMPTS && attempts.insert(identity(channel, to, &"attempt"))
    }
}
