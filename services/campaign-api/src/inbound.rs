//! What people send back: STOP, START, unsubscribe links, and what they say on the pages behind links, from webhook-ingest by way of the
//! INBOUND stream.
//!
//! A message is acted on once, by its key, in one transaction with all that follows from it: the register's entry, the record of what was
//! said, and the fact that says which delivery it was an answer to. What is no word of the register is a reply, and a fact too; so is a
//! conversion that a pixel has told. Messages of people are kept in their threads ([`converse`]), sealed as they came; HELP is answered with
//! the workspace's own text, and the rest waits for whoever answers.

mod act;
mod bounds;
mod converse;
mod conversions;
mod devices;
mod identity;
mod news;
mod pages;
mod sort;
mod unseal;

use crate::state::State;
use anyhow::Context as _;
use bus::{Consumer, Delivered, Subject, Verdict};
use outbox::Outbox;
use proto::event::InboundBatch;
use runtime::Shutdown;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Messages taken at once; each holds up to 500 of people's.
const BATCH: usize = 16;
const ACK_WAIT: Duration = Duration::from_secs(30);
const MAX_ACK_PENDING: i64 = 64;
/// How long to wait after the database failed.
const RETRY: Duration = Duration::from_secs(1);
/// How far back a message is looked for that somebody may be replying to who quotes none.
const REPLIED_WITHIN: time::Duration = time::Duration::hours(72);
/// Whose facts the outbox relays.
pub const ORIGIN: &str = "campaign-api";

/// Works the stream off until shutdown, and publishes the facts that follow.
///
/// # Errors
/// When the broker can't be reached at the start. Later on, what fails is tried again.
pub async fn run(state: State, shutdown: Shutdown) -> anyhow::Result<()> {
    state.bus.ensure_streams().await.context("the broker")?;
    let outbox = Outbox::new(state.db.clone(), state.bus.clone(), ORIGIN);
    let bus = outbox::setting_aside(&state.bus, &state.db);
    let consumer = Consumer {
        durable: "campaign-api-inbound".to_owned(),
        subject: Subject::inbound(),
        ack_wait: ACK_WAIT,
        max_ack_pending: MAX_ACK_PENDING,
        max_deliver: None,
    };
    // The relay goes on until nothing can add to it any more.
    let consumed = CancellationToken::new();
    let consume = async {
        bus.consume(consumer, BATCH, shutdown.soft(), async |messages| handle(&state, &outbox, &messages).await).await;
        consumed.cancel();
    };
    tokio::join!(consume, outbox.run(consumed.clone()));
    Ok(())
}

async fn handle(state: &State, outbox: &Outbox, messages: &[Delivered<InboundBatch>]) -> Verdict {
    let inbound = messages.iter().flat_map(|message| &message.message.inbound).cloned().collect();
    match act::act(&state.db, &state.kek, inbound, state.clock.now()).await {
        Ok(left_out) => {
            outbox.wake();
            match left_out.into_iter().next() {
                // What could be acted on is done; a copy of the rest is kept.
                Some(reason) => Verdict::Reject(reason),
                None => finish(state, messages).await,
            }
        }
        Err(error) => again(&error),
    }
}

/// Everything is acted on in the transactions of its workspaces, once for each key: only now may the outbox forget it.
async fn finish(state: &State, messages: &[Delivered<InboundBatch>]) -> Verdict {
    let ids: Vec<_> = messages.iter().filter_map(|message| message.outbox_id).collect();
    let deleted = async { store::outbox::delete(&mut *state.db.acquire().await?, &ids).await };
    match deleted.await {
        Ok(()) => Verdict::Done,
        Err(error) => again(&error),
    }
}

fn again(error: &store::Error) -> Verdict {
    tracing::warn!(%error, "inbound messages could not be handled; trying again");
    Verdict::RetryAfter(RETRY)
}
