//! How many messages may be between the gate and the record at once: what a dispatcher holds in memory is bounded by that, and one
//! sender whose provider hangs can't take all of it.

use anyhow::Result;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The part of all room that one sender may take.
const SENDERS_PART: usize = 4;

/// Room for messages. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Room {
    all: Arc<Semaphore>,
    of_sender: usize,
}

/// Room that is taken.
pub(crate) struct Taken {
    all: OwnedSemaphorePermit,
    sender: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(messages: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(messages.max(1))), of_sender: messages.div_ceil(SENDERS_PART).max(1) }
    }

    /// Room for one sender.
    pub(crate) fn for_sender(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.of_sender))
    }

    /// Waits for room for one message, and takes up to `want`, as many as there is room for now.
    pub(crate) async fn take(&self, sender: &Arc<Semaphore>, want: usize) -> Result<Taken> {
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

    #[tokio::test]
    async fn one_sender_takes_a_part_only_and_gives_it_back() {
        let room = Room::new(8);
        let (hanging, other) = (room.for_sender(), room.for_sender());
        let mut taken = room.take(&hanging, 64).await.unwrap();
        assert_eq!(taken.len(), 2);
        assert!(futures::FutureExt::now_or_never(room.take(&hanging, 1)).is_none(), "it waits for its own");
        assert_eq!(room.take(&other, 1).await.unwrap().len(), 1);
        taken.shrink(1);
        assert_eq!(room.take(&hanging, 64).await.unwrap().len(), 1);
        drop(taken);
        assert_eq!(room.take(&hanging, 64).await.unwrap().len(), 2);
        assert_eq!(room.all.available_permits(), 8);
    }
}
