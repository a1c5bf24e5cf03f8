//! Broker messages that no service could handle, for those who run the hub.

mod content;

use bus::{Bus, DeadLetter as Letter};
use domain::role::Role;
use futures::{StreamExt, TryStreamExt, stream};
use proto::operations::{
    DeadLetter, DropDeadLettersRequest, DropDeadLettersResponse, GetDeadLetterRequest, GetDeadLetterResponse, ListDeadLettersRequest,
    ListDeadLettersResponse, ReplayDeadLettersRequest, ReplayDeadLettersResponse,
    dead_letter_service_server::{DeadLetterService, DeadLetterServiceServer},
};
use runtime::{auth, status};
use store::Db;
use tonic::{Request, Response, Status};
use uuid::Uuid;

const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;
/// Letters that one call may name.
const MAX_NAMED: usize = 500;
/// Letters that are being moved at once.
const AT_ONCE: usize = 16;
/// Streams whose messages may end here.
const STREAMS: [&str; 3] = ["send", "events", "inbound"];

pub(crate) struct DeadLetters {
    bus: Bus,
    db: Db,
}

/// What to do with letters.
#[derive(Clone, Copy)]
enum Act {
    Replay,
    Drop,
}

pub(crate) fn service(bus: Bus, db: Db) -> DeadLetterServiceServer<DeadLetters> {
    DeadLetterServiceServer::new(DeadLetters { bus, db })
}

#[tonic::async_trait]
impl DeadLetterService for DeadLetters {
    async fn list_dead_letters(&self, request: Request<ListDeadLettersRequest>) -> Result<Response<ListDeadLettersResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let ListDeadLettersRequest { page_size, page_token, stream } = request.into_inner();
        let size = if page_size == 0 { PAGE } else { page_size };
        let from: Option<u64> = if page_token.is_empty() { Some(0) } else { page_token.parse().ok() };
        let mut violations = status::Violations::new();
        violations.expect(size <= MAX_PAGE, "page_size", "at most 500");
        violations.expect(from.is_some(), "page_token", "not one of this list's");
        violations.expect(stream.is_empty() || STREAMS.contains(&stream.as_str()), "stream", "send, events or inbound");
        violations.check()?;
        let of = Some(stream.as_str()).filter(|stream| !stream.is_empty());
        let page = self.bus.dead_letters(of, from.unwrap_or_default(), size as usize).await.map_err(unavailable)?;
        let total = self.bus.dead_letters_extent().await.map_err(unavailable)?.total;
        Ok(Response::new(ListDeadLettersResponse {
            letters: page.letters.iter().map(shown).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
            total,
        }))
    }

    async fn get_dead_letter(&self, request: Request<GetDeadLetterRequest>) -> Result<Response<GetDeadLetterResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let found = self.bus.dead_letter(request.get_ref().sequence).await.map_err(unavailable)?;
        let letter = found.ok_or_else(|| status::not_found("dead letter"))?;
        Ok(Response::new(GetDeadLetterResponse { letter: Some(shown(&letter)), content: content::in_words(&letter) }))
    }

    async fn replay_dead_letters(&self, request: Request<ReplayDeadLettersRequest>) -> Result<Response<ReplayDeadLettersResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let ReplayDeadLettersRequest { sequences, all } = request.into_inner();
        let replayed = self.act(Act::Replay, sequences, all).await?;
        Ok(Response::new(ReplayDeadLettersResponse { replayed }))
    }

    async fn drop_dead_letters(&self, request: Request<DropDeadLettersRequest>) -> Result<Response<DropDeadLettersResponse>, Status> {
        auth::authorize(&request, Role::Internal)?;
        let DropDeadLettersRequest { sequences, all } = request.into_inner();
        let dropped = self.act(Act::Drop, sequences, all).await?;
        Ok(Response::new(DropDeadLettersResponse { dropped }))
    }
}

impl DeadLetters {
    /// Does it to the named ones, or to all that there are now; answers how many. What comes back meanwhile isn't done again.
    async fn act(&self, act: Act, sequences: Vec<u64>, all: bool) -> Result<u64, Status> {
        let mut violations = status::Violations::new();
        violations.expect(all == sequences.is_empty(), "sequences", "name some, or say all, and not both");
        violations.expect(sequences.len() <= MAX_NAMED, "sequences", "at most 500");
        violations.check()?;
        if !all {
            return self.act_on(act, sequences).await;
        }
        let last = self.bus.dead_letters_extent().await.map_err(unavailable)?.last_sequence;
        let (mut next, mut count) = (Some(0), 0);
        while let Some(from) = next.filter(|from| *from <= last) {
            let page = self.bus.dead_letters(None, from, MAX_PAGE as usize).await.map_err(unavailable)?;
            let sequences = page.letters.iter().map(|letter| letter.sequence).filter(|sequence| *sequence <= last).collect();
            count += self.act_on(act, sequences).await?;
            next = page.next;
        }
        Ok(count)
    }

    async fn act_on(&self, act: Act, sequences: Vec<u64>) -> Result<u64, Status> {
        let done = stream::iter(sequences).map(|sequence| self.act_on_one(act, sequence)).buffer_unordered(AT_ONCE);
        done.try_fold(0, async |count, done| Ok(count + u64::from(done))).await
    }

    /// Answers false when it isn't there any more.
    async fn act_on_one(&self, act: Act, sequence: u64) -> Result<bool, Status> {
        let Some(letter) = self.bus.dead_letter(sequence).await.map_err(unavailable)? else { return Ok(false) };
        match act {
            Act::Replay => self.bus.replay_dead_letter(&letter, &format!("replay-{}", Uuid::now_v7())).await.map_err(unavailable)?,
            Act::Drop => {
                // First the row that would bring the message back.
                if let Some(id) = letter.outbox_id {
                    let mut connection = self.db.acquire().await.map_err(status::store)?;
                    store::outbox::delete(&mut connection, &[id]).await.map_err(status::store)?;
                }
                self.bus.drop_dead_letter(sequence).await.map_err(unavailable)?;
            }
        }
        tracing::info!(sequence, subject = letter.subject, dropped = matches!(act, Act::Drop), "a dead letter was dealt with");
        Ok(true)
    }
}

fn shown(letter: &Letter) -> DeadLetter {
    DeadLetter {
        sequence: letter.sequence,
        subject: letter.subject.clone(),
        reason: letter.reason.clone(),
        deliveries: letter.deliveries,
        at: Some(proto::convert::timestamp(letter.at)),
        bytes: letter.bytes as u64,
    }
}

fn unavailable(error: bus::Error) -> Status {
    status::unavailable("BROKER_UNAVAILABLE", &error)
}
