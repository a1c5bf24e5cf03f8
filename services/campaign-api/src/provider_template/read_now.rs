//! SyncProviderTemplates.

use super::sync::{self, NotSynced};
use crate::{audit::Change, convert::commit, state::State};
use domain::{SenderId, role::Role};
use proto::template::{SyncProviderTemplatesRequest, SyncProviderTemplatesResponse};
use providers::{Fault, FaultAction};
use runtime::{auth, status};
use serde::Serialize;
use store::sender;
use tonic::{Request, Status};

/// What the audit log keeps.
#[derive(Serialize)]
struct Read {
    templates: usize,
    changed: usize,
}

pub async fn run(state: &State, request: Request<SyncProviderTemplatesRequest>) -> Result<SyncProviderTemplatesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: SenderId = status::id("sender_id", &request.get_ref().sender_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let found = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let sender = found.ok_or_else(|| status::not_found("sender"))?;
    // The provider may take a minute: no transaction waits for it.
    drop(tx);
    let listed = sync::read(state, &sender).await.map_err(refused)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let now = state.clock.now();
    let changed = sync::write(&mut tx, &sender, &listed, now).await.map_err(status::store)?;
    let read = Read { templates: listed.len(), changed };
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "sender.sync_templates",
        id: id.0,
        before: None,
        after: Some(&read),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(SyncProviderTemplatesResponse { templates: count(read.templates), changed: count(read.changed) })
}

fn refused(error: NotSynced) -> Status {
    match error {
        NotSynced::NoTemplates => status::precondition(
            "NO_TEMPLATES",
            "there are no templates to be read: the provider keeps none, or the account doesn't say where (Meta: enter waba_id)",
        ),
        NotSynced::Account(error) => status::precondition_with("SENDER_UNUSABLE", error.to_string(), [("field", error.field.as_str())]),
        NotSynced::Sealed(status) => status,
        NotSynced::Provider(fault) => of_fault(&fault),
    }
}

fn of_fault(fault: &Fault) -> Status {
    let message = format!("the provider didn't give its templates ({}): {}", fault.code, fault.detail);
    match fault.action {
        FaultAction::Retry { .. } | FaultAction::Throttle { .. } => {
            status::precondition_with("PROVIDER_BUSY", message + "; try again later", [("code", fault.code.as_str())])
        }
        _ => status::precondition_with("PROVIDER_REFUSED", message, [("code", fault.code.as_str())]),
    }
}
