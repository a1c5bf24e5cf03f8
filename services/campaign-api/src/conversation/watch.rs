//! WatchConversations: conversations as they change. Each watcher looks once a second: what other replicas and the dispatchers do is seen too.
//! A stream ends after an hour: whoever goes on asks again, and is let in again only if they still may.

use super::{Conversations, view};
use crate::state::State;
use domain::{ConversationId, SenderId, WorkspaceId, role::Role};
use futures::{Stream, stream};
use proto::conversation::{WatchConversationsRequest, WatchConversationsResponse};
use runtime::{auth, status};
use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{
    conversation::{self, Conversation},
    sender,
};
use time::OffsetDateTime;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use uuid::Uuid;

/// Watchers at the same time, in one process.
const AT_ONCE: usize = 200;
/// Of one workspace: it must not take all the room there is.
const OF_ONE: usize = 50;
const LONGEST: Duration = Duration::from_secs(3_600);
const EVERY: Duration = Duration::from_secs(1);
/// How long a transaction may take whose changes are still seen.
const OVERLAP: time::Duration = time::Duration::seconds(10);
/// Conversations in one answer.
const PAGE: i64 = 200;
/// Pages read in one look; the rest comes with the next.
const MAX_PAGES: usize = 20;

pub type Answers = Pin<Box<dyn Stream<Item = Result<WatchConversationsResponse, Status>> + Send>>;

/// Room for those who watch.
pub struct Room {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<WorkspaceId, Arc<Semaphore>>>,
}

type Place = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Room {
    pub fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), each: Mutex::default() }
    }

    fn take(&self, workspace: WorkspaceId) -> Option<Place> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, room| room.available_permits() < OF_ONE);
        let own = each.entry(workspace).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))).clone();
        Some((own.try_acquire_owned().ok()?, self.all.clone().try_acquire_owned().ok()?))
    }
}

/// # Errors
/// RESOURCE_EXHAUSTED when too many watch already; NOT_FOUND when there is no such sender.
pub async fn run(service: &Conversations, request: Request<WatchConversationsRequest>) -> Result<Answers, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let sender: Option<SenderId> = match request.get_ref().sender_id.as_str() {
        "" => None,
        text => Some(status::id("sender_id", text)?),
    };
    if let Some(id) = sender {
        let mut tx = service.state.db.tenant(caller.workspace).await.map_err(status::store)?;
        let found = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        found.ok_or_else(|| status::not_found("sender"))?;
    }
    let too_many = || status::exhausted("TOO_MANY_WATCHERS", "too many watch conversations already: list them now and then instead");
    let room = service.watchers.take(caller.workspace).ok_or_else(too_many)?;
    let watcher = Watcher {
        state: service.state.clone(),
        shutdown: service.shutdown.clone(),
        workspace: caller.workspace,
        sender,
        since: service.state.clock.now(),
        seen: BTreeMap::new(),
        waiting: Vec::new(),
        until: Instant::now() + LONGEST,
        _room: room,
    };
    Ok(Box::pin(stream::unfold(watcher, |mut watcher| async move { watcher.next().await.map(|answer| (answer, watcher)) })))
}

struct Watcher {
    state: State,
    shutdown: CancellationToken,
    workspace: WorkspaceId,
    sender: Option<SenderId>,
    /// The newest change seen.
    since: OffsetDateTime,
    /// What was seen of the time that is looked at again.
    seen: BTreeMap<ConversationId, OffsetDateTime>,
    /// Read, and not told yet.
    waiting: Vec<Conversation>,
    until: Instant,
    _room: Place,
}

impl Watcher {
    /// Ends with the service, or when its time has passed. What can't be read is read again later.
    async fn next(&mut self) -> Option<Result<WatchConversationsResponse, Status>> {
        while self.waiting.is_empty() {
            if Instant::now() >= self.until {
                return None;
            }
            self.shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await?;
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "conversations could not be read; trying again");
            }
        }
        let rest = self.waiting.split_off(self.waiting.len().min(PAGE.unsigned_abs() as usize));
        let told = std::mem::replace(&mut self.waiting, rest);
        Some(Ok(WatchConversationsResponse { conversations: told.into_iter().map(view::present).collect() }))
    }

    async fn look(&mut self) -> store::Result<()> {
        let mut tx = self.state.db.tenant(self.workspace).await?;
        let mut after = (self.since - OVERLAP, ConversationId(Uuid::nil()));
        for _ in 0..MAX_PAGES {
            let found = conversation::changed(&mut tx, self.workspace, self.sender, after, PAGE).await?;
            let Some(last) = found.last() else { break };
            after = (last.updated_at, last.conversation_id);
            let is_last = found.len() < PAGE.unsigned_abs() as usize;
            for conversation in found {
                let before = self.seen.insert(conversation.conversation_id, conversation.updated_at);
                if before != Some(conversation.updated_at) {
                    self.waiting.push(conversation);
                }
            }
            if is_last {
                break;
            }
        }
        self.since = self.since.max(after.0);
        let keep = self.since - OVERLAP;
        self.seen.retain(|_, at| *at >= keep);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workspace_does_not_take_all_the_room() {
        let (room, one, other) = (Room::new(), WorkspaceId::new(), WorkspaceId::new());
        let mut taken: Vec<_> = std::iter::from_fn(|| room.take(one)).collect();
        assert_eq!(taken.len(), OF_ONE);
        assert!(room.take(other).is_some());
        taken.pop();
        assert!(room.take(one).is_some());
    }
}
