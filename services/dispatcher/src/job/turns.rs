//! A sub-batch's messages, each waiting for its turn at the provider: an account takes so many calls at once and no more. Whoever waited
//! long is looked at once more, so that pause, cancel and opt-outs hold for it too.

use super::Work;
use crate::Dispatcher;
use std::time::{Duration, Instant};
use store::gate;
use tokio::sync::{Mutex, OwnedSemaphorePermit};

/// A yes older than this is asked for once more before it is acted on: pause, cancel and opt-outs hold within a second.
const STALE_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Turns {
    ids: Vec<i64>,
    known: Mutex<Known>,
}

/// Which of the messages may still leave, as of then.
struct Known {
    asked_at: Instant,
    revoked: Vec<i64>,
}

impl Turns {
    /// Of what the gate let through then.
    pub(super) fn new(ids: Vec<i64>, claimed_at: Instant) -> Self {
        Self { ids, known: Mutex::new(Known { asked_at: claimed_at, revoked: Vec::new() }) }
    }

    /// Waits until the account takes a call more, and answers with the right to it; else why the message must not leave.
    pub(super) async fn take(&self, id: i64, dispatcher: &Dispatcher, work: &Work) -> Result<OwnedSemaphorePermit, &'static str> {
        let (call, revoked) = self.take_for_all(dispatcher, work).await?;
        if revoked.contains(&id) { Err("stopped_meanwhile") } else { Ok(call) }
    }

    /// The same for all of the sub-batch together: the right to one call that carries many, and which of the messages must not leave.
    pub(super) async fn take_for_all(
        &self,
        dispatcher: &Dispatcher,
        work: &Work,
    ) -> Result<(OwnedSemaphorePermit, Vec<i64>), &'static str> {
        let call = work.ready.calls.clone().acquire_owned();
        let Some(Ok(call)) = dispatcher.shutdown.soft().run_until_cancelled(call).await else { return Err("shutting_down") };
        let mut known = self.known.lock().await;
        if known.asked_at.elapsed() >= STALE_AFTER {
            *known = self.ask_again(dispatcher).await;
        }
        Ok((call, known.revoked.clone()))
    }

    /// Asks about all of the sub-batch at once. When the database doesn't tell, nothing of it leaves.
    async fn ask_again(&self, dispatcher: &Dispatcher) -> Known {
        let ask = async {
            let mut connection = dispatcher.db.acquire().await?;
            let asked_at = Instant::now();
            Ok::<_, store::Error>(Known { asked_at, revoked: gate::revoked(&mut connection, &self.ids).await? })
        };
        ask.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether what waited for the provider may still leave is not known; nothing of it does");
            Known { asked_at: Instant::now(), revoked: self.ids.clone() }
        })
    }
}
