//! Batches into the register, one transaction each, and progress back.

use super::rows::Row;
use crate::{audit::Change, convert::commit, state::State};
use proto::optout::{ImportOptOutsResponse, OptOutProblem};
use runtime::{Caller, status};
use serde::Serialize;
use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};
use store::{
    PgConnection,
    optout::{self, OptOut},
};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;

/// Rows of one transaction.
const BATCH: u64 = 1_000;
/// Problems that are told in one call at most.
const MAX_PROBLEMS: usize = 10_000;

/// What the audit log keeps.
#[derive(Serialize)]
struct Record {
    rows: u64,
    added: u64,
    known: u64,
    rejected: u64,
}

/// An import under way.
pub struct Import {
    state: State,
    caller: Caller,
    dry_run: bool,
    answers: mpsc::Sender<Result<ImportOptOutsResponse, Status>>,
    id: Uuid,
    /// Rows of the batch, and what they opt out.
    rows: Vec<Vec<OptOut>>,
    /// Of a dry run, which writes nothing to be found again: hashes of what came before.
    seen: HashSet<u64>,
    hasher: RandomState,
    total: ImportOptOutsResponse,
    reported: usize,
    since_last: u64,
    is_begun: bool,
}

impl Import {
    pub fn new(state: State, caller: Caller, dry_run: bool, answers: mpsc::Sender<Result<ImportOptOutsResponse, Status>>) -> Self {
        Self {
            state,
            caller,
            dry_run,
            answers,
            id: Uuid::now_v7(),
            rows: Vec::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            total: ImportOptOutsResponse::default(),
            reported: 0,
            since_last: 0,
            is_begun: false,
        }
    }

    pub fn now(&self) -> OffsetDateTime {
        self.state.clock.now()
    }

    /// Takes a row; stores the batch when it is full.
    ///
    /// # Errors
    /// When the database fails, or the caller is gone.
    pub async fn add(&mut self, row: Row) -> Result<(), Status> {
        self.total.rows += 1;
        self.since_last += 1;
        match row {
            Row::OptOuts(opt_outs) => self.rows.push(opt_outs),
            Row::Bad { column, reason } => {
                self.total.rejected += 1;
                if self.reported < MAX_PROBLEMS {
                    self.reported += 1;
                    self.total.problems.push(OptOutProblem { row: self.total.rows, column, reason });
                }
            }
        }
        if self.since_last >= BATCH { self.flush().await } else { Ok(()) }
    }

    /// Stores what is left and says how it ended.
    ///
    /// # Errors
    /// When the database fails, or the caller is gone.
    pub async fn finish(mut self) -> Result<(), Status> {
        self.flush().await?;
        if self.is_begun {
            let mut tx = self.state.db.tenant(self.caller.workspace).await.map_err(status::store)?;
            self.record(&mut tx, "opt_out.import_end").await?;
            commit(tx).await?;
        }
        let answer = ImportOptOutsResponse { done: true, ..std::mem::take(&mut self.total) };
        self.answers.send(Ok(answer)).await.map_err(|_| gone())
    }

    async fn flush(&mut self) -> Result<(), Status> {
        if self.since_last == 0 {
            return Ok(());
        }
        self.store().await?;
        self.since_last = 0;
        let progress = self.total.clone();
        self.total.problems.clear();
        self.answers.send(Ok(progress)).await.map_err(|_| gone())
    }

    async fn store(&mut self) -> Result<(), Status> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let workspace = self.caller.workspace;
        let mut tx = self.state.db.tenant(workspace).await.map_err(status::store)?;
        let opt_outs: Vec<OptOut> = rows.iter().flatten().cloned().collect();
        let added = optout::add(&mut tx, workspace, &opt_outs, &self.caller.subject).await.map_err(status::store)?;
        let mut added: HashSet<_> = added.into_iter().collect();
        if self.dry_run {
            added.retain(|entry| self.seen.insert(self.hasher.hash_one(entry)));
        }
        for row in rows {
            // Each new entry counts for the first row that names it.
            let new = row.into_iter().filter(|entry| added.remove(&(entry.channel, entry.address_key.clone()))).count();
            if new > 0 {
                self.total.added += 1;
            } else {
                self.total.known += 1;
            }
        }
        if self.dry_run {
            // The transaction is rolled back.
            return Ok(());
        }
        if !self.is_begun {
            self.record(&mut tx, "opt_out.import_begin").await?;
            self.is_begun = true;
        }
        commit(tx).await
    }

    async fn record(&self, connection: &mut PgConnection, action: &str) -> Result<(), Status> {
        let ImportOptOutsResponse { rows, added, known, rejected, .. } = self.total;
        let change = Change {
            workspace: self.caller.workspace,
            caller: &self.caller,
            action,
            id: self.id,
            before: None,
            after: Some(&Record { rows, added, known, rejected }),
            at: self.now(),
        };
        change.record(connection).await
    }
}

fn gone() -> Status {
    Status::cancelled("the caller is gone")
}
