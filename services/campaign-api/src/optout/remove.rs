//! RemoveOptOut (H4): for admins, with a reason that is kept.

use super::{channel, registered_key};
use crate::{
    audit::Change,
    contact::read_phone_rules,
    convert::{commit, reason},
    state::State,
};
use domain::{
    consent::{Evidence, Kind, source},
    role::Role,
};
use proto::optout::{RemoveOptOutRequest, RemoveOptOutResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use serde_json::json;
use store::{
    consent::{self, Event, event::About},
    optout,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<RemoveOptOutRequest>) -> Result<RemoveOptOutResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let reason = reason(&request.reason)?;
    let mut violations = Violations::new();
    violations.expect(!reason.is_empty(), "reason", "must be given");
    violations.expect(!reason.contains('\0'), "reason", "has a NUL character in it");
    violations.expect(!request.address.trim().is_empty(), "address", "must be given");
    violations.expect(!request.address.contains('\0'), "address", "has a NUL character in it");
    violations.expect(channel(request.channel).is_some(), "channel", "is no channel");
    violations.check()?;
    let channel = channel(request.channel).flatten();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let key = registered_key(channel, &request.address, &read_phone_rules(&mut tx, caller.workspace).await?);
    let removed = optout::remove(&mut tx, caller.workspace, channel, &key).await.map_err(status::store)?;
    let removed = removed.ok_or_else(|| status::not_found("opt_out"))?;
    let now = state.clock.now();
    let event = Event {
        at: now,
        kind: Kind::OptOutRemoved,
        about: About::Channel(channel),
        address_key: Some(removed.address_key.clone()),
        contact_id: None,
        source: source::API.to_owned(),
        actor: caller.subject.clone(),
        evidence: Evidence::note(&reason),
    };
    consent::note(&mut tx, caller.workspace, &[event]).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "opt_out.remove",
        id: caller.workspace.0,
        before: Some(&json!(removed)),
        after: Some(&json!({ "removed_because": reason })),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(RemoveOptOutResponse {})
}
