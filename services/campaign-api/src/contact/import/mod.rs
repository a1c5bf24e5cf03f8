//! ImportContacts: a file in pieces, in bounded memory.
//!
//! Three tasks in a row, joined by short queues, so that a fast caller waits for a slow database: [`feed`] takes pieces off the wire,
//! [`parse`] makes rows of them on a thread of its own, and [`write`] stores a couple of thousand rows in one transaction and reports
//! progress. What a file is, is found out by [`text`] (its encoding) and [`sniff`] (its format). What is stored stays stored if the call
//! breaks off; importing the file again changes nothing that was right.

mod csv_row;
mod feed;
mod header;
mod json_row;
mod lines;
mod options;
mod parse;
mod records;
mod row;
mod sniff;
mod target;
mod text;
mod write;

pub use header::MAX_COLUMNS;
pub use target::{ATTRIBUTE_PREFIX, Field};

use crate::{audit::Change, convert::commit, list::open_lists, state::State};
use domain::{ListId, role::Role};
use proto::contact::{ImportContactsRequest, ImportContactsResponse, ImportOptions, import_contacts_request::Part};
use runtime::{Caller, auth, status};
use serde::Serialize;
use std::sync::Arc;
use store::{
    PgConnection,
    contact::{
        file::{self, Begun},
        import::Policy,
    },
    workspace,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;
use uuid::Uuid;

/// Progress, and at last how it ended.
pub type Answers = ReceiverStream<Result<ImportContactsResponse, Status>>;

/// Imports at the same time at most, in one process: each has a thread, and some 20 MB when rows are long.
pub const AT_ONCE: usize = 4;
/// Pieces that wait for the parser at most; a piece has 1 MiB at most.
const PIECES: usize = 4;
/// Batches that wait for the database at most.
const BATCHES: usize = 2;
/// An import of that many new contacts changes what the database should think of them.
const LARGE: u64 = 10_000;

/// An import under way.
struct Import {
    state: State,
    caller: Caller,
    id: Uuid,
    list: Option<ListId>,
    policy: Policy,
    is_dry_run: bool,
    _room: OwnedSemaphorePermit,
}

/// What the audit log keeps of an import.
#[derive(Serialize)]
struct Record<'a> {
    file_name: &'a str,
    list_id: Option<String>,
    is_dry_run: bool,
    rows: u64,
    created: u64,
    updated: u64,
    skipped: u64,
    rejected: u64,
    /// Why it ended before the file did.
    failure: &'a str,
}

pub async fn run(
    state: &State,
    room: &Arc<Semaphore>,
    request: Request<Streaming<ImportContactsRequest>>,
) -> Result<Response<Answers>, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut input = request.into_inner();
    let given = match input.message().await?.and_then(|message| message.part) {
        Some(Part::Options(options)) => options,
        _ => return Err(status::invalid("options", "must come in the first message")),
    };
    let room = Arc::clone(room).try_acquire_owned();
    let room = room.map_err(|_| status::exhausted("TOO_MANY_IMPORTS", "other imports are under way: try again when they have ended"))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let workspace = workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
    let workspace = workspace.ok_or_else(|| status::not_found("workspace"))?;
    let options = options::read(&given, &workspace)?;
    let list = list(&given, &caller, &mut tx).await?;
    let (policy, is_dry_run) = (options.policy, options.is_dry_run);
    let import = Import { state: state.clone(), caller, id: Uuid::now_v7(), list, policy, is_dry_run, _room: room };
    import.begin(&mut tx, &options.file_name).await?;
    commit(tx).await?;
    let (answers, receiver) = mpsc::channel(BATCHES);
    let work = async move {
        if let Err(status) = import.work(input, options.reading, &options.file_name, &answers).await {
            // Nobody listens any more if this fails.
            answers.send(Err(status)).await.ok();
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(Response::new(ReceiverStream::new(receiver)))
}

async fn list(options: &ImportOptions, caller: &Caller, tx: &mut PgConnection) -> Result<Option<ListId>, Status> {
    if options.list_id.is_empty() {
        return Ok(None);
    }
    let lists = open_lists(tx, caller.workspace, "options.list_id", std::slice::from_ref(&options.list_id)).await?;
    Ok(lists.into_iter().next())
}

type Sender = mpsc::Sender<Result<ImportContactsResponse, Status>>;

impl Import {
    async fn begin(&self, tx: &mut PgConnection, file_name: &str) -> Result<(), Status> {
        let now = self.state.clock.now();
        let begun = Begun {
            import_id: self.id,
            file_name,
            list: self.list,
            policy: self.policy,
            is_dry_run: self.is_dry_run,
            created_by: &self.caller.subject,
        };
        file::drop_old(tx, self.caller.workspace, now).await.map_err(status::store)?;
        file::begin(tx, self.caller.workspace, &begun, now).await.map_err(status::store)?;
        self.record(tx, "contact.import_begin", file_name, &ImportContactsResponse::default(), "").await
    }

    async fn work(
        self,
        input: Streaming<ImportContactsRequest>,
        reading: options::Reading,
        file_name: &str,
        answers: &Sender,
    ) -> Result<(), Status> {
        let (pieces, source) = mpsc::channel(PIECES);
        let (batches, ready) = mpsc::channel(BATCHES);
        let source = feed::Source::new(source);
        let parser = parse::Parser::new(reading, source.total());
        let parse = tokio::task::spawn_blocking(move || parser.run(source, &batches));
        let mut total = ImportContactsResponse { import_id: self.id.to_string(), ..ImportContactsResponse::default() };
        // Each ends when its neighbour does, so all three end whichever fails first.
        let (fed, written, parsed) = tokio::join!(feed::run(input, pieces), self.write(ready, &mut total, answers), parse);
        let parsed = parsed.map_err(|error| status::internal(&error)).flatten();
        let ended = fed.and(parsed).and(written);
        let noted = self.end(file_name, &total, ended.as_ref().err()).await;
        ended.and(noted)?;
        if total.created >= LARGE && !self.is_dry_run {
            self.refresh_statistics().await;
        }
        answers.send(Ok(ImportContactsResponse { done: true, ..total })).await.ok();
        Ok(())
    }

    /// All is stored by then, so what fails here only makes the next look-ups slower.
    async fn refresh_statistics(&self) {
        let refreshed = async {
            let mut tx = self.state.db.tenant(self.caller.workspace).await?;
            store::contact::import::refresh_statistics(&mut tx).await?;
            tx.commit().await.map_err(store::Error::from)
        };
        if let Err(error) = refreshed.await {
            tracing::warn!(error = error.to_string(), "statistics weren't refreshed after an import");
        }
    }

    /// Writes down how it ended.
    async fn end(&self, file_name: &str, total: &ImportContactsResponse, failure: Option<&Status>) -> Result<(), Status> {
        let (workspace, now) = (self.caller.workspace, self.state.clock.now());
        let failure = failure.map(Status::message);
        let mut tx = self.state.db.tenant(workspace).await.map_err(status::store)?;
        if self.is_dry_run {
            store::contact::import::forget(&mut tx, workspace, self.id, now).await.map_err(status::store)?;
        }
        file::finish(&mut tx, workspace, self.id, failure, now).await.map_err(status::store)?;
        self.record(&mut tx, "contact.import_end", file_name, total, failure.unwrap_or_default()).await?;
        commit(tx).await
    }

    async fn record(
        &self,
        tx: &mut PgConnection,
        action: &str,
        file_name: &str,
        total: &ImportContactsResponse,
        failure: &str,
    ) -> Result<(), Status> {
        let record = Record {
            file_name,
            list_id: self.list.map(|list| list.to_string()),
            is_dry_run: self.is_dry_run,
            rows: total.rows,
            created: total.created,
            updated: total.updated,
            skipped: total.skipped,
            rejected: total.rejected,
            failure,
        };
        let at = self.state.clock.now();
        let (workspace, caller) = (self.caller.workspace, &self.caller);
        Change { workspace, caller, action, id: self.id, before: None, after: Some(&record), at }.record(tx).await
    }
}
