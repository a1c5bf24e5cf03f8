//! ImportOptOuts: a suppression list of another system, in pieces and in bounded memory.
//!
//! One row a line, so that a broken line costs only itself ([`lines`], [`rows`]). A thousand rows are stored in one transaction; what is
//! stored stays stored if the call breaks off, and importing the file again adds nothing twice.

mod lines;
mod rows;
mod write;

use super::channel;
use crate::{contact::read_phone_rules, convert::reason, state::State};
use domain::role::Role;
use lines::{Line, Lines};
use proto::optout::{ImportOptOutsOptions, ImportOptOutsRequest, ImportOptOutsResponse, import_opt_outs_request::Part};
use rows::{Defaults, Rows};
use runtime::{auth, status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;
use write::Import;

/// Progress, and at last how it ended.
pub type Answers = ReceiverStream<Result<ImportOptOutsResponse, Status>>;

/// A piece of the file at most.
const MAX_PIECE_BYTES: usize = 1024 * 1024;
/// Answers that wait for the caller at most.
const ANSWERS: usize = 2;

pub async fn run(state: &State, request: Request<Streaming<ImportOptOutsRequest>>) -> Result<Response<Answers>, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let mut input = request.into_inner();
    let options = match input.message().await?.and_then(|message| message.part) {
        Some(Part::Options(options)) => options,
        _ => return Err(status::invalid("options", "must come in the first message")),
    };
    let defaults = defaults(&options)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let rules = read_phone_rules(&mut tx, caller.workspace).await?;
    drop(tx);
    let (answers, receiver) = mpsc::channel(ANSWERS);
    let rows = Rows::new(defaults, rules);
    let import = Import::new(state.clone(), caller, options.dry_run, answers.clone());
    let work = async move {
        if let Err(status) = work(input, rows, import).await {
            // Nobody listens any more if this fails.
            answers.send(Err(status)).await.ok();
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(Response::new(ReceiverStream::new(receiver)))
}

fn defaults(options: &ImportOptOutsOptions) -> Result<Defaults, Status> {
    let channel = channel(options.channel).ok_or_else(|| status::invalid("options.channel", "is no channel"))?;
    let reason = reason(&options.reason).map_err(|_| status::invalid("options.reason", "must be at most 1,000 characters"))?;
    if reason.contains('\0') {
        return Err(status::invalid("options.reason", "has a NUL character in it"));
    }
    Ok(Defaults { channel, reason })
}

async fn work(mut input: Streaming<ImportOptOutsRequest>, mut rows: Rows, mut import: Import) -> Result<(), Status> {
    let mut lines = Lines::default();
    while let Some(message) = input.message().await? {
        for line in lines.feed(&data(message.part)?) {
            take(&line, &mut rows, &mut import).await?;
        }
    }
    if let Some(line) = lines.end() {
        take(&line, &mut rows, &mut import).await?;
    }
    import.finish().await
}

async fn take(line: &Line, rows: &mut Rows, import: &mut Import) -> Result<(), Status> {
    match rows.read(line, import.now())? {
        Some(row) => import.add(row).await,
        None => Ok(()),
    }
}

fn data(part: Option<Part>) -> Result<Vec<u8>, Status> {
    match part {
        Some(Part::Data(data)) if data.len() <= MAX_PIECE_BYTES => Ok(data),
        Some(Part::Data(_)) => Err(status::invalid("data", "must be at most 1 MiB in one message")),
        _ => Err(status::invalid("data", "must come in every message after the first")),
    }
}
