//! From the broker into the figures: one transaction a batch, acked after the commit.

use crate::{now, reconcile::Moved, wire};
use bus::{Bus, Consumer, Delivered, Subject, Verdict};
use proto::event::FactBatch;
use runtime::{
    Shutdown,
    metrics::{self, Counter, Histogram},
    traceparent,
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    Db,
    fact::{self, Fact, Folded},
};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Messages in one batch at most.
const BATCH_MESSAGES: usize = 40;
/// Facts in one transaction at most.
const BATCH_FACTS: usize = 5_000;
/// How long to wait with a batch that could not be stored: the facts stay with the broker.
const RETRY: Duration = Duration::from_secs(1);
/// How often unmatched facts are looked at.
const UNMATCHED_EVERY: Duration = Duration::from_secs(2);
/// How many of them at once.
const UNMATCHED_BATCH: i64 = 500;
/// Traces that one fold is linked to at most.
const MAX_LINKS: usize = 32;

#[derive(Clone)]
struct Fold {
    db: Db,
    moved: Moved,
    facts: Counter<u64>,
    seconds: Histogram<f64>,
}

/// Starts folding, and trying unmatched facts again, until shutdown.
pub(crate) fn spawn(tasks: &TaskTracker, db: &Db, bus: &Bus, moved: Moved, shutdown: &Shutdown) {
    let fold = Fold {
        db: db.clone(),
        moved,
        facts: metrics::counter("fanfare.facts.folded", "Facts taken from the broker, by whether they were new"),
        seconds: metrics::histogram("fanfare.facts.fold.duration", "s", "Time of one fold", &metrics::SECONDS),
    };
    let (bus, stop) = (outbox::setting_aside(bus, db), shutdown.soft());
    tasks.spawn(async move {
        let consumer = Consumer {
            durable: "analytics".to_owned(),
            subject: Subject::facts(),
            // What a process that was killed had taken is folded this much later; a fold takes a second or two at most.
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 1_000,
            max_deliver: None,
        };
        bus.consume(consumer, BATCH_MESSAGES, stop, |messages: Arc<[Delivered<FactBatch>]>| {
            let fold = fold.clone();
            async move { fold.batch(&messages).await }
        })
        .await;
    });
    let db = db.clone();
    let step = async move || retry_unmatched(&db).await;
    tasks.spawn(shutdown.clone().repeat("retry unmatched facts", UNMATCHED_EVERY, Arc::default(), step));
}

/// Answers whether there may be more.
async fn retry_unmatched(db: &Db) -> anyhow::Result<bool> {
    let mut tx = db.begin().await?;
    let (tried, found) = fact::retry_unmatched(&mut tx, now(), UNMATCHED_BATCH).await?;
    tx.commit().await?;
    if found > 0 {
        tracing::info!(found, "facts found their deliveries late");
    }
    Ok(i64::try_from(tried).unwrap_or(i64::MAX) >= UNMATCHED_BATCH)
}

impl Fold {
    /// Folds what can be read. A message with an unreadable fact is put away as a whole once it is alone; folding it again, when
    /// somebody replays it, counts nothing twice.
    async fn batch(&self, messages: &[Delivered<FactBatch>]) -> Verdict {
        let (mut facts, mut unreadable) = (Vec::new(), None);
        for wire in messages.iter().flat_map(|message| &message.message.facts) {
            match wire::fact(wire) {
                Ok(fact) => facts.push(fact),
                Err(error) => unreadable = Some(error),
            }
        }
        if let (Some(error), true) = (unreadable, messages.len() > 1) {
            return Verdict::Reject(error.to_string());
        }
        let span = tracing::info_span!("analytics.facts.fold", facts = facts.len());
        link(&span, messages);
        // What can't be read stays in the outbox, too, as long as its copy is in DLQ.
        let handled: Vec<i64> = if unreadable.is_some() { Vec::new() } else { messages.iter().filter_map(|one| one.outbox_id).collect() };
        match self.fold(&facts, &handled).instrument(span).await {
            Ok(()) => unreadable.map_or(Verdict::Done, |error| Verdict::Reject(error.to_string())),
            Err(error) if error.is_about_data() => {
                tracing::error!(%error, "the database refuses a batch of facts");
                Verdict::Reject(error.to_string())
            }
            Err(error) => {
                tracing::warn!(%error, "a batch of facts could not be folded; trying again");
                Verdict::RetryAfter(RETRY)
            }
        }
    }

    /// Folds, and takes the rows that told these facts from the outbox with the last of them.
    async fn fold(&self, facts: &[Fact], handled: &[i64]) -> store::Result<()> {
        let mut rest = facts;
        loop {
            let (batch, after) = rest.split_at(rest.len().min(BATCH_FACTS));
            rest = after;
            let started = Instant::now();
            let mut tx = self.db.begin().await?;
            let folded = fact::fold(&mut tx, batch, now()).await?;
            if rest.is_empty() {
                store::outbox::delete(&mut tx, handled).await?;
            }
            tx.commit().await?;
            self.seconds.record(started.elapsed().as_secs_f64(), &[]);
            self.moved.note(&folded.campaigns);
            self.count(batch.len(), &folded);
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn count(&self, all: usize, folded: &Folded) {
        let outcomes =
            [("new", folded.new), ("known", all - folded.new), ("unmatched", folded.unmatched), ("matched_late", folded.matched)];
        for (outcome, count) in outcomes {
            self.facts.add(count as u64, &[metrics::KeyValue::new("outcome", outcome)]);
        }
    }
}

/// A batch belongs to many traces: it is linked to them, and a child of none.
fn link(span: &tracing::Span, messages: &[Delivered<FactBatch>]) {
    let of_facts = messages.iter().flat_map(|message| message.message.facts.iter().map(|fact| fact.traceparent.as_str()));
    let of_messages = messages.iter().map(|message| message.traceparent.as_str());
    let distinct: BTreeSet<_> = of_messages.chain(of_facts).filter(|text| !text.is_empty()).take(BATCH_FACTS).collect();
    for text in distinct.into_iter().take(MAX_LINKS) {
        traceparent::link(span, text);
    }
}
