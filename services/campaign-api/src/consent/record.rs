//! RecordConsent: what contacts have confirmed elsewhere, with the evidence of it.

use super::{contacts, expect_known, raw};
use crate::{
    audit::Change,
    convert::{commit, reason},
    state::State,
};
use domain::{
    ContactId, ListId,
    consent::{Evidence, Kind, source},
    role::Role,
};
use proto::consent::{RecordConsentRequest, RecordConsentResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use serde::Serialize;
use store::consent::{self, Event, event::About, list};
use time::OffsetDateTime;
use tonic::{Request, Status};

/// What the audit log keeps.
#[derive(Serialize)]
struct Record {
    contact_ids: Vec<ContactId>,
    evidence: String,
    #[serde(with = "time::serde::rfc3339")]
    confirmed_at: OffsetDateTime,
}

pub async fn run(state: &State, request: Request<RecordConsentRequest>) -> Result<RecordConsentResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: ListId = status::id("list_id", &request.list_id)?;
    let now = state.clock.now();
    let mut violations = Violations::new();
    let ids = contacts(&request.contact_ids, &mut violations);
    let evidence = reason(&request.evidence).map_err(|_| status::invalid("evidence", "must be at most 1,000 characters"))?;
    violations.expect(!evidence.is_empty() && !evidence.contains('\0'), "evidence", "must say from where, and to which wording");
    let confirmed_at = request.confirmed_at.as_ref().and_then(instant);
    violations.expect(confirmed_at.is_some_and(|at| at <= now), "confirmed_at", "must be a time that has passed");
    violations.check()?;
    let confirmed_at = confirmed_at.ok_or_else(|| status::invalid("confirmed_at", "must be given"))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let archived = store::list::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    if archived.ok_or_else(|| status::not_found("list"))? {
        return Err(status::precondition("LIST_ARCHIVED", "the list is archived: bring it back first"));
    }
    expect_known(&mut tx, caller.workspace, &ids).await?;
    let confirmed = list::confirm(&mut tx, caller.workspace, id, &raw(&ids), confirmed_at, now).await.map_err(status::store)?;
    let event = |confirmed: &list::Confirmed| Event {
        at: confirmed_at,
        kind: Kind::ListConfirmed,
        about: About::List(id),
        address_key: confirmed.address_key.clone(),
        contact_id: Some(confirmed.contact_id),
        source: source::API.to_owned(),
        actor: caller.subject.clone(),
        evidence: Evidence::note(&evidence),
    };
    consent::note(&mut tx, caller.workspace, &confirmed.iter().map(event).collect::<Vec<_>>()).await.map_err(status::store)?;
    // All that were named: those who had confirmed before and were taken off the list since are members again.
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "list.record_consent",
        id: id.0,
        before: None,
        after: Some(&Record { contact_ids: ids, evidence, confirmed_at }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(RecordConsentResponse { confirmed: confirmed.len() as u64 })
}

fn instant(time: &prost_types::Timestamp) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::from_unix_timestamp(time.seconds).ok()?;
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    // What PostgreSQL keeps.
    at.replace_nanosecond(nanos / 1_000 * 1_000).ok()
}
