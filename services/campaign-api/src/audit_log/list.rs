//! ListAuditEntries.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::{
    convert::moment,
    workspace::{ListAuditEntriesRequest, ListAuditEntriesResponse},
};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    audit::{self, Cursor, Filter},
    page::Page,
};
use tonic::{Request, Status};

/// Each of before and after: a page of the most entries stays below 2 MiB.
const MAX_BYTES: i32 = 4 * 1_024;
const MAX_PAGE: u32 = 200;
/// Longer than anything that is looked for.
const MAX_WORD: usize = 200;

pub async fn run(state: &State, request: Request<ListAuditEntriesRequest>) -> Result<ListAuditEntriesResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let (page, after) = place(&request)?;
    let filter = filter(&request)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut entries = audit::list(&mut tx, caller.workspace, &filter, after, page, MAX_BYTES).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut entries, |entry| Cursor::of(entry).pack());
    Ok(ListAuditEntriesResponse { entries: entries.into_iter().map(present).collect(), next_page_token })
}

fn place(request: &ListAuditEntriesRequest) -> Result<(Page, Option<Cursor>), Status> {
    let page = page(request.page_size.min(MAX_PAGE), &request.page_token)?;
    let after = match page.after {
        Some(packed) => Some(Cursor::unpack(packed).ok_or_else(|| status::invalid("page_token", store::page::BadToken.to_string()))?),
        None => None,
    };
    Ok((page, after))
}

fn filter(request: &ListAuditEntriesRequest) -> Result<Filter<'_>, Status> {
    let mut violations = Violations::new();
    let mut word = |field: &str, text: &str| {
        violations.expect(text.len() <= MAX_WORD && !text.contains('\0'), field, "must be at most 200 bytes, without NUL characters");
    };
    word("actor", &request.actor);
    word("action", &request.action);
    word("object_type", &request.object_type);
    word("object_id", &request.object_id);
    let (since, until) = (request.since.and_then(moment), request.until.and_then(moment));
    violations.expect(since.is_some() == request.since.is_some(), "since", "must be a time of the calendar");
    violations.expect(until.is_some() == request.until.is_some(), "until", "must be a time of the calendar");
    let in_order = since.zip(until).is_none_or(|(since, until)| since < until);
    violations.expect(in_order, "until", "must be after since");
    violations.check()?;
    Ok(Filter {
        actor: given(&request.actor),
        action: given(&request.action),
        object_type: given(&request.object_type),
        object_id: given(&request.object_id),
        since,
        until,
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
