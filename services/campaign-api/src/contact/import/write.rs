//! Batches into the database, one transaction each, and progress back.

use super::{Import, Sender, parse::Batch, sniff::Shape};
use crate::{contact::imports::named, convert::commit};
use proto::contact::{FileFormat, ImportContactsResponse, RowProblem};
use runtime::status;
use store::{
    PgConnection,
    contact::{
        Draft,
        file::{self, MAX_KEPT, Problem, Problems, Progress},
        import::{self, Counts},
    },
};
use time::OffsetDateTime;
use tokio::sync::mpsc::Receiver;
use tonic::Status;

/// Problems that are told in one message, and in all. All others are only kept.
const TOLD_AT_ONCE: usize = 1_000;
const TOLD: usize = 10_000;

impl Import {
    /// Stores batches until there are no more, and adds them to the total.
    ///
    /// # Errors
    /// When the database fails, or the caller is gone.
    pub(super) async fn write(
        &self,
        mut batches: Receiver<Batch>,
        total: &mut ImportContactsResponse,
        answers: &Sender,
    ) -> Result<(), Status> {
        let mut told = 0;
        let mut position = 0;
        while let Some(batch) = batches.recv().await {
            let mut problems = self.store(batch, total, position).await?;
            position += 1;
            problems.truncate(TOLD_AT_ONCE.min(TOLD - told));
            told += problems.len();
            let progress = ImportContactsResponse { problems, ..total.clone() };
            answers.send(Ok(progress)).await.map_err(|_| Status::cancelled("the caller is gone"))?;
        }
        Ok(())
    }

    /// Stores a batch; answers with its problems.
    async fn store(&self, mut batch: Batch, total: &mut ImportContactsResponse, position: i32) -> Result<Vec<RowProblem>, Status> {
        let (workspace, now) = (self.caller.workspace, self.state.clock.now());
        let has_bad_address: Vec<_> = batch.drafts.iter().map(has_bad_address).collect();
        let drafts = std::mem::take(&mut batch.drafts);
        let mut tx = self.state.db.tenant(workspace).await.map_err(status::store)?;
        let counts = self.take(&mut tx, drafts, now).await?;
        for (index, reason) in &counts.refused {
            let row = batch.numbers.get(*index).copied().unwrap_or_default();
            batch.problems.push(RowProblem { row, column: String::new(), reason: (*reason).to_owned(), rejected: true });
            // Only rows that are taken count there.
            batch.with_problems -= u64::from(has_bad_address.get(*index).copied().unwrap_or_default());
        }
        batch.problems.sort_by_key(|problem| problem.row);
        let after = sum(total, &batch, &counts);
        let room = MAX_KEPT - number(total.problem_count).min(MAX_KEPT);
        file::keep(&mut tx, workspace, self.id, position, &kept(&batch.problems, room), now).await.map_err(status::store)?;
        file::progress(&mut tx, workspace, self.id, &progress(&after), now).await.map_err(status::store)?;
        commit(tx).await?;
        *total = after;
        Ok(batch.problems)
    }

    async fn take(&self, tx: &mut PgConnection, drafts: Vec<Draft>, now: OffsetDateTime) -> Result<Counts, Status> {
        let workspace = self.caller.workspace;
        let counts = if self.is_dry_run {
            import::rehearse(tx, workspace, self.id, self.policy, drafts, now).await
        } else {
            import::import(tx, workspace, self.list, self.policy, drafts, now).await
        };
        counts.map_err(status::store)
    }
}

fn has_bad_address(draft: &Draft) -> bool {
    !draft.email.problem.is_empty() || !draft.phone.problem.is_empty()
}

fn sum(before: &ImportContactsResponse, batch: &Batch, counts: &Counts) -> ImportContactsResponse {
    let (format, delimiter) = match batch.shape {
        Shape::Csv { delimiter } => (FileFormat::Csv, char::from(delimiter).to_string()),
        Shape::Ndjson => (FileFormat::Ndjson, String::new()),
    };
    ImportContactsResponse {
        rows: before.rows + batch.rows,
        created: before.created + counts.created,
        updated: before.updated + counts.updated,
        skipped: before.skipped + counts.skipped,
        rejected: before.rejected + batch.rejected + counts.refused.len() as u64,
        with_problems: before.with_problems + batch.with_problems,
        problem_count: before.problem_count + batch.problems.len() as u64,
        bytes: batch.bytes,
        format: format.into(),
        encoding: batch.encoding.into(),
        delimiter,
        ..before.clone()
    }
}

fn kept(problems: &[RowProblem], room: i64) -> Problems {
    let mut kept = Problems::default();
    for problem in problems.iter().take(usize::try_from(room).unwrap_or_default()) {
        kept.push(Problem {
            row: number(problem.row),
            column: problem.column.clone(),
            reason: problem.reason.clone(),
            is_rejected: problem.rejected,
        });
    }
    kept
}

fn progress(total: &ImportContactsResponse) -> Progress {
    Progress {
        format: named::format(total.format()).to_owned(),
        encoding: named::encoding(total.encoding()).to_owned(),
        delimiter: total.delimiter.clone(),
        rows: number(total.rows),
        created: number(total.created),
        updated: number(total.updated),
        skipped: number(total.skipped),
        rejected: number(total.rejected),
        with_problems: number(total.with_problems),
        bytes: number(total.bytes),
        problems: number(total.problem_count),
        problems_kept: number(total.problem_count).min(MAX_KEPT),
    }
}

/// As the database counts.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
