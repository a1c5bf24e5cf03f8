//! EraseContact. Who, when and why is kept, and counts; nothing of the person.

use crate::{
    audit::Change,
    convert::{commit, reason},
    state::State,
};
use domain::{ContactId, role::Role};
use proto::contact::{EraseContactRequest, EraseContactResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use serde::Serialize;
use store::consent::erase::{self, Erased};
use tonic::{Request, Status};

/// What the audit log keeps.
#[derive(Serialize)]
struct Record {
    reason: String,
    #[serde(flatten)]
    erased: Erased,
}

pub async fn run(state: &State, request: Request<EraseContactRequest>) -> Result<EraseContactResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: ContactId = status::id("id", &request.id)?;
    let reason = reason(&request.reason)?;
    let mut violations = Violations::new();
    violations.expect(!reason.is_empty() && !reason.contains('\0'), "reason", "must say on whose request, and where it is filed");
    violations.check()?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let erased = erase::erase(&mut tx, caller.workspace, id, &caller.subject, &reason, now).await.map_err(status::store)?;
    let erased = erased.ok_or_else(|| status::not_found("contact"))?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "contact.erase",
        id: id.0,
        before: None,
        after: Some(&Record { reason, erased }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    let Erased { deliveries, opt_outs, consent_events, audit_entries, conversations } = erased;
    Ok(EraseContactResponse { deliveries, opt_outs, consent_events, audit_entries, conversations })
}
