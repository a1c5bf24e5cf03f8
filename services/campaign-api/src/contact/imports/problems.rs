//! DownloadImportProblems: the rows that had problems, as a CSV file, a batch of rows in a message.

use crate::state::State;
use domain::{WorkspaceId, cell, role::Role};
use proto::contact::{DownloadImportProblemsRequest, DownloadImportProblemsResponse};
use runtime::{auth, status};
use store::contact::file::{self, Problem};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use uuid::Uuid;

pub type Answers = ReceiverStream<Result<DownloadImportProblemsResponse, Status>>;

/// Messages that wait for a slow caller.
const WAITING: usize = 4;

pub async fn run(state: &State, request: Request<DownloadImportProblemsRequest>) -> Result<Response<Answers>, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: Uuid = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let import = file::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    import.ok_or_else(|| status::not_found("import"))?;
    drop(tx);
    let (sender, receiver) = mpsc::channel(WAITING);
    let state = state.clone();
    let work = async move {
        if let Err(status) = answer(&state, caller.workspace, id, &sender).await {
            // Nobody listens any more if this fails.
            sender.send(Err(status)).await.ok();
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(Response::new(ReceiverStream::new(receiver)))
}

type Sender = mpsc::Sender<Result<DownloadImportProblemsResponse, Status>>;

/// A transaction for each message: a slow caller must not keep one open.
async fn answer(state: &State, workspace: WorkspaceId, id: Uuid, answers: &Sender) -> Result<(), Status> {
    let mut data = csv(&[["row", "column", "reason", "left_out"].map(str::to_owned)])?;
    let mut position = -1;
    loop {
        if answers.send(Ok(DownloadImportProblemsResponse { data })).await.is_err() {
            return Ok(());
        }
        let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
        let next = file::kept(&mut tx, workspace, id, position).await.map_err(status::store)?;
        drop(tx);
        let Some((at, problems)) = next else { return Ok(()) };
        position = at;
        data = csv(&problems.into_iter().map(cells).collect::<Vec<_>>())?;
    }
}

fn cells(problem: Problem) -> [String; 4] {
    let text = |text: &str| cell::guard(text).into_owned();
    [problem.row.to_string(), text(&problem.column), text(&problem.reason), problem.is_rejected.to_string()]
}

fn csv(rows: &[[String; 4]]) -> Result<Vec<u8>, Status> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| status::internal(&error))?;
    }
    writer.into_inner().map_err(|error| status::internal(&error))
}
