//! What every provider's interface does with a request once it has been read: judge it, log it, plan what
//! becomes of it, and answer, or fail to.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::behaviour::{Answer, Fate, Ruling, Step, StepSet};
use crate::callbacks::{Journey, Parcel, Scheduler, Stopped};
use crate::config::{Active, Live};
use crate::conn::Hangup;
use crate::ledger::draft::identity;
use crate::ledger::{Entry, Ledger};
use crate::message::{Channel, Message};
use crate::webpush::browsers::Browsers;

/// Callbacks that may be planned at a time. Beyond it every interface answers as if throttled.
const MAX_PENDING: u64 = 1_000_000;

/// Recipients whose attempts are counted.
const MAX_ATTEMPTS: usize = 1_000_000;

/// How long an answer waits for a report that is to come before it.
const EARLY: Duration = Duration::from_secs(2);

/// What a network says that wants a login first.
pub const GARBAGE: &str = "<html><title>Welcome</title>Welcome to the hotel's network. Please sign in.</html>";

/// How long a hanging answer hangs.
pub const HANG: Duration = Duration::from_secs(30);

pub struct Desk {
    pub live: Arc<Live>,
    pub ledger: Ledger,
    pub scheduler: Scheduler,
    pub stopped: Arc<Stopped>,
    pub shutdown: CancellationToken,
    pub social: crate::social::Store,
    /// Who may be sent free text on WhatsApp.
    pub window: crate::window::Window,
    /// Browsers that the sandbox is the push service of.
    pub browsers: Browsers,
    attempts: Mutex<HashMap<u64, u32>>,
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
        Desk {
            live,
            ledger,
            scheduler,
            stopped,
            shutdown,
            social: crate::social::Store::default(),
            window: crate::window::Window::default(),
            attempts: Mutex::default(),
            browsers: Browsers::default(),
        }
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
        // A fault is the whole call's, so the first recipient alone decides: a call to many is no more likely to go wrong than one to one.
        if let (Some(fate), Some(to)) = (fates.first(), recipients.first()) {
            let attempt = if fate.minds_attempts() { self.count_attempt(channel, to) } else { 0 };
            let (ruling, answer) = fate.attempt(attempt);
            if ruling != Ruling::Accept {
                judged.ruling = ruling;
            }
            if answer != Answer::Normal {
                judged.answer = answer;
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
    /// Where repetitions are to be dropped (SMTP only), those are logged no second time.
    pub async fn accept(&self, active: &Arc<Active>, messages: Vec<Message>) -> io::Result<()> {
        let (ledger, scheduler, active) = (self.ledger.clone(), self.scheduler.clone(), active.clone());
        let accepting = tokio::spawn(async move {
            let once = active.config.smtp.as_ref().is_some_and(|smtp| smtp.duplicate_suppression);
            let appended = ledger.append(&messages, once).await?;
            let callbacks = &active.config.behaviour.callbacks;
            let mut early = Vec::new();
            for (message, seq) in messages.into_iter().zip(appended.seqs) {
                let Some(seq) = seq else { continue };
                let entry = Entry { epoch: appended.epoch, seq, channel: message.channel };
                let todo = message.plays;
                let mut journey = Journey::new(Parcel::new(entry, message), todo, callbacks.shuffle);
                let Some(next) = journey.next() else { continue };
                let mut delay = active.config.behaviour.fate(active.config.seed, entry.channel, &journey.parcel.to).delay(next);
                if callbacks.early {
                    let (told, heard) = oneshot::channel();
                    (journey.told, delay) = (Some(told), Duration::ZERO);
                    early.push(heard);
                }
                scheduler.put(journey, delay);
            }
            for heard in early {
                // Told or not: the answer waits no longer.
                drop(timeout(EARLY, heard).await);
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
        match answer {
            Answer::Normal => response,
            Answer::Hang => {
                self.hang().await;
                hangup.now();
                response
            }
            Answer::Reset => {
                hangup.now();
                response
            }
            Answer::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "something broke on the way back").into_response(),
            Answer::Garbage => (response.status(), Html(GARBAGE)).into_response(),
            Answer::Trickle => {
                hangup.trickle();
                let mut response = response;
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                response
            }
        }
    }

    /// Takes nothing, and answers as was decided: without saying so.
    pub async fn lose(&self, answer: Answer, hangup: &Hangup) -> Response {
        self.finish(answer, hangup, StatusCode::OK.into_response()).await
    }

    /// Waits as long as a hanging answer hangs, or until the process is told to stop.
    pub async fn hang(&self) {
        drop(timeout(HANG, self.shutdown.cancelled()).await);
    }

    /// Forgets every message and every recipient, not the configuration.
    pub async fn reset(&self) -> io::Result<()> {
        self.ledger.reset().await?;
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.stopped.clear();
        self.social.clear();
        self.window.clear();
        Ok(())
    }

    pub fn fate<'a>(&self, active: &'a Active, channel: Channel, to: &'a str) -> Fate<'a> {
        active.config.behaviour.fate(active.config.seed, channel, to)
    }

    /// The number of this attempt to reach a recipient, from 1; 0 when too many are counted already.
    fn count_attempt(&self, channel: Channel, to: &str) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let recipient = identity(channel, to, &"attempt");
        if attempts.len() >= MAX_ATTEMPTS && !attempts.contains_key(&recipient) {
            return 0;
        }
        let attempt = attempts.entry(recipient).or_default();
        *attempt = attempt.saturating_add(1);
        *attempt
    }
}
