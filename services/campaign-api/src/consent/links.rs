//! CreatePreferenceLink and CreateConfirmationLinks.

use super::{contacts, expect_known, raw};
use crate::{audit::Change, convert::commit, state::State};
use domain::{
    ContactId, ListId, WorkspaceId,
    consent::{Evidence, Kind, source},
    link::Recipient,
    role::Role,
};
use proto::consent::{
    ConfirmationLink, CreateConfirmationLinksRequest, CreateConfirmationLinksResponse, CreatePreferenceLinkRequest,
    CreatePreferenceLinkResponse,
};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{
    PgConnection, Tx,
    consent::{
        self, Event,
        event::About,
        list::{self, Asked},
    },
    contact,
};
use time::OffsetDateTime;
use tonic::{Request, Status};

/// What the audit log keeps.
#[derive(Serialize)]
struct Requested {
    contact_ids: Vec<ContactId>,
}

pub async fn preferences(state: &State, request: Request<CreatePreferenceLinkRequest>) -> Result<CreatePreferenceLinkResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: ContactId = status::id("contact_id", &request.get_ref().contact_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    contact::get(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("contact"))?;
    let base = base(state, &mut tx, caller.workspace).await?;
    let token = state.links.preferences_token(Recipient::Contact(id));
    Ok(CreatePreferenceLinkResponse { url: format!("{base}/preferences/{token}") })
}

pub async fn confirmation(
    state: &State,
    request: Request<CreateConfirmationLinksRequest>,
) -> Result<CreateConfirmationLinksResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let list: ListId = status::id("list_id", &request.list_id)?;
    let mut violations = Violations::new();
    let ids = contacts(&request.contact_ids, &mut violations);
    violations.check()?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let asking = list::get(&mut tx, caller.workspace, list).await.map_err(status::store)?.ok_or_else(|| status::not_found("list"))?;
    if !asking.double_opt_in {
        return Err(status::precondition("NO_DOUBLE_OPT_IN", "the list asks for no confirmation: turn double opt-in on first"));
    }
    expect_known(&mut tx, caller.workspace, &ids).await?;
    let asked = list::ask(&mut tx, caller.workspace, list, &raw(&ids), now).await.map_err(status::store)?;
    let base = base(state, &mut tx, caller.workspace).await?;
    if asked.iter().any(|asked| asked.new) {
        note(&mut tx, &caller, list, &asked, now).await?;
        commit(tx).await?;
    }
    let found: BTreeMap<ContactId, &Asked> = asked.iter().map(|asked| (asked.contact_id, asked)).collect();
    let link = |id: &ContactId| {
        let asked = found.get(id).copied();
        let key = asked.and_then(|asked| asked.address_key.as_deref());
        let url = key.map(|key| format!("{base}/confirm/{}", state.links.contact_confirmation_token(list, *id, key)));
        ConfirmationLink { contact_id: id.to_string(), url: url.unwrap_or_default(), confirmed: asked.is_some_and(|asked| asked.confirmed) }
    };
    Ok(CreateConfirmationLinksResponse { links: ids.iter().map(link).collect() })
}

/// Writes down who is asked for the first time.
async fn note(tx: &mut Tx, caller: &Caller, list: ListId, asked: &[Asked], now: OffsetDateTime) -> Result<(), Status> {
    let new = || asked.iter().filter(|asked| asked.new);
    let event = |asked: &Asked| Event {
        at: now,
        kind: Kind::ListRequested,
        about: About::List(list),
        address_key: asked.address_key.clone(),
        contact_id: Some(asked.contact_id),
        source: source::API.to_owned(),
        actor: caller.subject.clone(),
        evidence: Evidence::default(),
    };
    consent::note(tx, caller.workspace, &new().map(event).collect::<Vec<_>>()).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller,
        action: "list.request_consent",
        id: list.0,
        before: None,
        after: Some(&Requested { contact_ids: new().map(|asked| asked.contact_id).collect() }),
        at: now,
    };
    change.record(tx).await
}

/// Where the workspace's links lead: its own domain, if it has one.
async fn base(state: &State, connection: &mut PgConnection, workspace: WorkspaceId) -> Result<String, Status> {
    let workspace = store::workspace::get(connection, workspace).await.map_err(status::store)?;
    let own = workspace.map(|workspace| workspace.tracking.base_url).filter(|base| !base.is_empty());
    Ok(own.unwrap_or_else(|| state.public_url.to_string()))
}
