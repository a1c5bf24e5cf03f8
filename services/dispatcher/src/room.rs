//! How many messages may be between the gate and the record at once: what a dispatcher holds in memory is bounded by that, and one
//! sender whose provider hangs can't take all of it. Each lane has its own.

use anyhow::Result;
use domain::SenderId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The part of all room that one sender may take.
const SENDERS_PART: usize = 4;
/// Messages for each call that a sender's account takes at once: enough to keep all calls busy while one sub-batch is recorded and the
/// next one asks the gate, and few enough that none waits long for its turn after the gate's yes.
const PER_CALL: usize = 8;
/// Senders kept at most, but for those in use.
const MAX_KEPT: usize = 1_000;

/// Room for messages. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Room {
    all: Arc<Semaphore>,
    of_sender: usize,
    senders: Arc<Mutex<Senders>>,
}

/// Each sender's room, by how much it has: one whose account takes more or fewer calls from now on begins anew.
type Senders = HashMap<(SenderId, usize), Arc<Semaphore>>;

/// How an account takes messages.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    /// Calls that it takes at once.
    pub(crate) at_once: usize,
    /// Messages that one of them carries.
    pub(crate) messages: usize,
}

/// Room that is taken.
pub(crate) struct Taken {
    all: OwnedSemaphorePermit,
    sender: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(messages: usize) -> Self {
        let of_sender = messages.div_ceil(SENDERS_PART).max(1);
        Self { all: Arc::new(Semaphore::new(messages.max(1))), of_sender, senders: Arc::default() }
    }

    /// The room of one sender, whose account takes messages like that: a whole call fits in, unless there is too little room for all.
    fn of(&self, sender: SenderId, calls: Calls) -> Arc<Semaphore> {
        let of_call = calls.messages.max(1);
        let most = self.of_sender.max(of_call.min(self.of_sender.saturating_mul(SENDERS_PART / 2)));
        let messages = most.min(calls.at_once.max(1).saturating_mul(PER_CALL).saturating_mul(of_call));
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() >= MAX_KEPT {
            // Whoever has room, or waits for it, holds it too.
            senders.retain(|_, room| Arc::strong_count(room) > 1);
        }
        senders.entry((sender, messages)).or_insert_with(|| Arc::new(Semaphore::new(messages))).clone()
    }

    /// Waits for room for one message of a sender, and takes up to `want`, as many as there is room for now.
    pub(crate) async fn take(&self, sender: SenderId, calls: Calls, want: usize) -> Result<Taken> {
        let sender = self.of(sender, calls);
        let mut of_sender = sender.clone().acquire_owned().await?;
        let mut all = self.all.clone().acquire_owned().await?;
        let more = want.saturating_sub(1).min(sender.available_permits()).min(self.all.available_permits());
        let more = u32::try_from(more)?;
        // Somebody else may have been quicker: then it is one.
        if let (Ok(sender), Ok(rest)) = (sender.clone().try_acquire_many_owned(more), self.all.clone().try_acquire_many_owned(more)) {
            of_sender.merge(sender);
            all.merge(rest);
        }
        Ok(Taken { all, sender: of_sender })
    }
}

impl Taken {
    /// Messages that it has room for.
    pub(crate) fn len(&self) -> usize {
        self.all.num_permits()
    }

    /// Keeps room for so many messages and frees the rest.
    pub(crate) fn shrink(&mut self, messages: usize) {
        drop(self.all.split(self.all.num_permits().saturating_sub(messages)));
        drop(self.sender.split(self.sender.num_permits().saturating_sub(messages)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    const MANY: Calls = Calls { at_once: 256, messages: 1 };

    #[tokio::test]
    async fn one_sender_takes_a_part_only_and_gives_it_back() {
        let room = Room::new(8);
        let (hanging, other) = (SenderId::new(), SenderId::new());
        let mut taken = room.take(hanging, MANY, 64).await.unwrap();
        assert_eq!(taken.len(), 2);
        assert!(room.take(hanging, MANY, 1).now_or_never().is_none(), "it waits for its own");
        assert_eq!(room.take(other, MANY, 1).await.unwrap().len(), 1);
        taken.shrink(1);
        assert_eq!(room.take(hanging, MANY, 64).await.unwrap().len(), 1);
        drop(taken);
        assert_eq!(room.take(hanging, MANY, 64).await.unwrap().len(), 2);
        assert_eq!(room.all.available_permits(), 8);
    }

    #[tokio::test]
    async fn an_account_that_takes_few_calls_gets_few_messages() {
        let (room, sender) = (Room::new(1_000), SenderId::new());
        let few = |at_once| Calls { at_once, messages: 1 };
        let taken = room.take(sender, few(2), 64).await.unwrap();
        assert_eq!(taken.len(), 16);
        assert!(room.take(sender, few(2), 1).now_or_never().is_none());
        drop(taken);
        assert_eq!(room.take(sender, few(16), 64).await.unwrap().len(), 64);
    }

    #[tokio::test]
    async fn senders_that_are_out_of_use_are_forgotten_and_others_are_not() {
        let (room, busy) = (Room::new(8), SenderId::new());
        let taken = room.take(busy, MANY, 64).await.unwrap();
        for _ in 0..2 * MAX_KEPT {
            room.take(SenderId::new(), MANY, 1).await.unwrap();
        }
        assert!(room.senders.lock().unwrap().len() <= MAX_KEPT);
        assert!(room.take(busy, MANY, 1).now_or_never().is_none(), "it has all it may have");
        drop(taken);
    }

    #[tokio::test]
    async fn a_call_of_many_messages_fits_in_but_never_takes_all() {
        let (room, sender) = (Room::new(2_048), SenderId::new());
        let of = |messages| Calls { at_once: 256, messages };
        assert_eq!(room.take(sender, of(1), 5_000).await.unwrap().len(), 512);
        assert_eq!(room.take(sender, of(1_000), 5_000).await.unwrap().len(), 1_000);
        assert_eq!(room.take(sender, of(9_000), 5_000).await.unwrap().len(), 1_024, "half of all room");
    }
}
