//! ImportContacts: a CSV file in pieces, in bounded memory.
//!
//! Three tasks in a row, joined by short queues, so that a fast caller waits for a slow database: [`feed`] takes pieces off the wire,
//! [`parse`] makes rows of them on a thread of its own, and [`write`] stores a thousand rows in one transaction and reports progress.
//! What is stored stays stored if the call breaks off; importing the file again changes nothing that was right.

mod feed;
mod header;
mod parse;
mod records;
mod row;
mod write;

use super::read_phone_rules;
use crate::{list::open_lists, state::State};
use domain::{ListId, role::Role};
use proto::contact::{ImportContactsRequest, ImportContactsResponse, ImportOptions, import_contacts_request::Part};
use runtime::{Caller, auth, status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

/// Progress, and at last how it ended.
pub type Answers = ReceiverStream<Result<ImportContactsResponse, Status>>;

/// Pieces that wait for the parser at most; a piece has 1 MiB at most.
const PIECES: usize = 4;
/// Batches that wait for the database at most.
const BATCHES: usize = 2;

/// An import under way.
struct Import {
    state: State,
    caller: Caller,
    list: Option<ListId>,
}

pub async fn run(state: &State, request: Request<Streaming<ImportContactsRequest>>) -> Result<Response<Answers>, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut input = request.into_inner();
    let options = match input.message().await?.and_then(|message| message.part) {
        Some(Part::Options(options)) => options,
        _ => return Err(status::invalid("options", "must come in the first message")),
    };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let rules = read_phone_rules(&mut tx, caller.workspace).await?;
    let list = list(&options, &caller, &mut tx).await?;
    drop(tx);
    let mapping = header::Mapping::read(&options.columns)?;
    let (answers, receiver) = mpsc::channel(BATCHES);
    let import = Import { state: state.clone(), caller, list };
    let work = async move {
        if let Err(status) = import.work(input, parse::Parser::new(mapping, rules), &answers).await {
            // Nobody listens any more if this fails.
            answers.send(Err(status)).await.ok();
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(Response::new(ReceiverStream::new(receiver)))
}

async fn list(options: &ImportOptions, caller: &Caller, tx: &mut store::PgConnection) -> Result<Option<ListId>, Status> {
    if options.list_id.is_empty() {
        return Ok(None);
    }
    let lists = open_lists(tx, caller.workspace, "options.list_id", std::slice::from_ref(&options.list_id)).await?;
    Ok(lists.into_iter().next())
}

type Sender = mpsc::Sender<Result<ImportContactsResponse, Status>>;

impl Import {
    async fn work(self, input: Streaming<ImportContactsRequest>, parser: parse::Parser, answers: &Sender) -> Result<(), Status> {
        let (pieces, source) = mpsc::channel(PIECES);
        let (batches, ready) = mpsc::channel(BATCHES);
        let parse = tokio::task::spawn_blocking(move || parser.run(feed::Source::new(source), &batches));
        // Each ends when its neighbour does, so all three end whichever fails first.
        let (fed, written, parsed) = tokio::join!(feed::run(input, pieces), self.write(ready, answers), parse);
        fed?;
        parsed.map_err(|error| status::internal(&error))??;
        let last = written?;
        answers.send(Ok(last)).await.ok();
        Ok(())
    }
}
