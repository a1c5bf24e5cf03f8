//! Batches into the database, one transaction each, and progress back.

use super::{Import, Sender, parse::Batch};
use crate::{audit::Change, convert::commit};
use proto::contact::ImportContactsResponse;
use runtime::status;
use serde::Serialize;
use store::contact;
use tokio::sync::mpsc::Receiver;
use tonic::Status;
use uuid::Uuid;

/// What the audit log keeps of an import.
#[derive(Serialize)]
struct Record {
    list_id: Option<String>,
    rows: u64,
    created: u64,
    updated: u64,
    rejected: u64,
}

impl Import {
    /// Stores batches until there are no more. Answers with the last message.
    ///
    /// # Errors
    /// When the database fails, or the caller is gone.
    pub(super) async fn write(&self, mut batches: Receiver<Batch>, answers: &Sender) -> Result<ImportContactsResponse, Status> {
        let id = Uuid::now_v7();
        let mut total = ImportContactsResponse::default();
        while let Some(batch) = batches.recv().await {
            let is_first = total.rows == 0;
            let progress = self.store(batch, &total, is_first.then_some(id)).await?;
            total = ImportContactsResponse { problems: Vec::new(), ..progress.clone() };
            answers.send(Ok(progress)).await.map_err(|_| Status::cancelled("the caller is gone"))?;
        }
        if total.rows > 0 {
            let mut tx = self.state.db.tenant(self.caller.workspace).await.map_err(status::store)?;
            self.record(&mut tx, "contact.import_end", id, &total).await?;
            commit(tx).await?;
        }
        Ok(ImportContactsResponse { done: true, ..total })
    }

    /// Stores a batch. The first one opens the entry in the audit log.
    async fn store(&self, batch: Batch, before: &ImportContactsResponse, first: Option<Uuid>) -> Result<ImportContactsResponse, Status> {
        let now = self.state.clock.now();
        let workspace = self.caller.workspace;
        let mut tx = self.state.db.tenant(workspace).await.map_err(status::store)?;
        let imported = contact::import(&mut tx, workspace, self.list, batch.drafts, now).await.map_err(status::store)?;
        if let Some(id) = first {
            self.record(&mut tx, "contact.import_begin", id, before).await?;
        }
        commit(tx).await?;
        Ok(ImportContactsResponse {
            rows: before.rows + batch.rows,
            created: before.created + imported.created,
            updated: before.updated + imported.updated,
            rejected: before.rejected + batch.rejected,
            with_problems: before.with_problems + batch.with_problems,
            problems: batch.problems,
            done: false,
        })
    }

    async fn record(&self, tx: &mut store::PgConnection, action: &str, id: Uuid, total: &ImportContactsResponse) -> Result<(), Status> {
        let record = Record {
            list_id: self.list.map(|list| list.to_string()),
            rows: total.rows,
            created: total.created,
            updated: total.updated,
            rejected: total.rejected,
        };
        let change = Change {
            workspace: self.caller.workspace,
            caller: &self.caller,
            action,
            id,
            before: None,
            after: Some(&record),
            at: self.state.clock.now(),
        };
        change.record(tx).await
    }
}
