//! Playing what happens to accepted messages: the providers' callbacks and the recipients' acts.
//!
//! Every message with something to happen is a [`Journey`]: its steps in order, the next one due at a time.
//! A journey waits in the [`lane`] that its next step belongs to, so that one receiver that hangs does not
//! hold up the others. The [`courier`] makes the request, and puts the journey back for its next step, or
//! for another try. Steps of one message never overtake each other, unless the configuration wants mischief.

mod courier;
mod lane;
pub mod sign;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::behaviour::{Step, StepSet};
use crate::config::Live;
use crate::ledger::draft::identity;
use crate::ledger::{Entry, Ledger};
use crate::message::{Channel, Links, Message, Provider};
pub use courier::{Outgoing, is_loopback};

/// What callbacks need of a message. Its content is not kept.
#[derive(Clone)]
pub struct Parcel {
    pub entry: Entry,
    pub provider: Provider,
    pub to: String,
    pub from: String,
    pub correlation: String,
    pub provider_message_id: String,
    pub message_id: Option<String>,
    pub messaging_service_sid: Option<String>,
    pub status_callback: Option<String>,
    pub custom_args: Map<String, Value>,
    pub categories: Vec<String>,
    pub links: Links,
    pub fails_with: Option<String>,
}

impl Parcel {
    pub fn new(entry: Entry, message: Message) -> Self {
        Parcel {
            entry,
            provider: message.provider,
            to: message.to,
            from: message.from,
            correlation: message.correlation,
            provider_message_id: message.provider_message_id,
            message_id: message.message_id,
            messaging_service_sid: message.messaging_service_sid,
            status_callback: message.status_callback,
            custom_args: message.custom_args,
            categories: message.categories,
            links: message.links,
            fails_with: message.fails_with,
        }
    }
}

/// A message on its way through its steps.
pub struct Journey {
    pub parcel: Box<Parcel>,
    pub todo: StepSet,
    /// Failed tries of the step that is next.
    pub tries: u32,
    /// Its steps come in an order of their own.
    shuffled: bool,
    /// Hears of the first post about the message.
    pub told: Option<oneshot::Sender<()>>,
}

impl Journey {
    pub fn new(parcel: Parcel, todo: StepSet, shuffled: bool) -> Self {
        Journey { parcel: Box::new(parcel), todo, tries: 0, shuffled, told: None }
    }

    /// The step that is to be played next.
    pub fn next(&self) -> Option<Step> {
        if self.shuffled { self.todo.any(self.parcel.entry.seq) } else { self.todo.first() }
    }

    /// The same report about a message that never was.
    fn invented(&self) -> Journey {
        let mut parcel = (*self.parcel).clone();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let prefix = if parcel.provider == Provider::Meta { "wamid." } else { "SM" };
        parcel.provider_message_id = format!("{prefix}{id}");
        parcel.message_id = Some(format!("{id}@sandbox.invalid"));
        parcel.correlation = id;
        parcel.custom_args = Map::new();
        parcel.status_callback = parcel.status_callback.and_then(|url| without_correlation(&url));
        Journey::new(parcel, self.todo, self.shuffled)
    }
}

fn without_correlation(url: &str) -> Option<String> {
    let mut url = url::Url::parse(url).ok()?;
    url.set_query(None);
    Some(url.into())
}

/// Who is called. Each has its own queue and workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Twilio,
    SendGrid,
    Meta,
    Recipient,
}

impl Lane {
    const ALL: [Lane; 4] = [Lane::Twilio, Lane::SendGrid, Lane::Meta, Lane::Recipient];

    fn of(provider: Provider, step: Step) -> Lane {
        match (provider, step) {
            (Provider::Twilio, _) => Lane::Twilio,
            (Provider::Meta, _) => Lane::Meta,
            (Provider::Sendgrid, Step::Sent | Step::Delivered | Step::Failed) => Lane::SendGrid,
            // What the others' recipients do, they do themselves.
            _ => Lane::Recipient,
        }
    }
}

/// Hands journeys to their lanes.
#[derive(Clone)]
pub struct Scheduler {
    lanes: Arc<[mpsc::UnboundedSender<lane::Due>; 4]>,
}

/// The tasks that work the lanes. They end when told to stop; what is pending then is left to the next process.
pub type Workers = JoinSet<()>;

impl Scheduler {
    pub fn start(
        live: Arc<Live>,
        ledger: Ledger,
        stopped: Arc<Stopped>,
        allow_remote: bool,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<(Scheduler, Workers)> {
        let (senders, receivers): (Vec<_>, Vec<_>) = Lane::ALL.iter().map(|_| mpsc::unbounded_channel()).unzip();
        let Ok(lanes) = <[_; 4]>::try_from(senders) else { anyhow::bail!("there are four lanes") };
        let scheduler = Scheduler { lanes: Arc::new(lanes) };
        let courier = Arc::new(courier::Courier::new(live, ledger, scheduler.clone(), stopped, allow_remote)?);
        let mut workers = JoinSet::new();
        for (lane, queue) in Lane::ALL.into_iter().zip(receivers) {
            workers.spawn(lane::work(lane, queue, courier.clone(), shutdown.clone()));
        }
        Ok((scheduler, workers))
    }

    /// Has the next step of a journey played after `delay`.
    pub fn put(&self, journey: Journey, delay: Duration) {
        let Some(step) = journey.next() else { return };
        let lane = Lane::of(journey.parcel.provider, step);
        let due = lane::Due { at: Instant::now() + delay, journey };
        if let Some(Err(_)) = self.lanes.get(lane as usize).map(|lane| lane.send(due)) {
            tracing::debug!("the workers have stopped: a step is left to the next process");
        }
    }
}

/// Who has replied STOP to whom. Twilio refuses further SMS to them.
#[derive(Default)]
pub struct Stopped(Mutex<HashSet<u64>>);

impl Stopped {
    pub fn add(&self, channel: Channel, to: &str, from: &str) {
        self.lock().insert(identity(channel, to, &("stop", from)));
    }

    pub fn has(&self, channel: Channel, to: &str, from: &str) -> bool {
        self.lock().contains(&identity(channel, to, &("stop", from)))
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
